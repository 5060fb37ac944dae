package main

import (
	"net/url"
	"strings"

	"example.com/reindex/internal/config"
)

// shortest is how long a secret must be to be looked for: hiding every "a"
// would make a text unreadable and the secret known.
const shortest = 4

// scrub hides the secrets of the configuration in a text that leaves this
// machine. No error should hold one; this is for the one that does.
func scrub(c *config.Config, text string) string {
	secrets := []string{
		c.Elasticsearch.APIKey.Reveal(), c.Elasticsearch.Password.Reveal(),
		c.Source.URL.Reveal(), password(c.Source.URL.Reveal()),
		c.Notify.Webhook.Reveal(), c.Metrics.PushURL.Reveal(), password(c.Metrics.PushURL.Reveal()),
	}
	for _, secret := range secrets {
		if len(secret) >= shortest {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// password is the one in a URL, or "".
func password(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	p, _ := u.User.Password()
	return p
}
