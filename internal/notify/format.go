package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Format is the shape of a request's body.
type Format string

// The formats.
const (
	Generic Format = "generic" // the details as one JSON object
	Slack   Format = "slack"   // and whatever takes {"text": ...}, such as Mattermost
	Teams   Format = "teams"   // a workflow "when a Teams webhook request is received"
)

func (f Format) body(n Notice) ([]byte, error) {
	n.Reason = cut(n.Reason)
	switch f {
	case Generic:
		return encode(generic(n))
	case Slack:
		return encode(map[string]any{"text": slackText(n)})
	case Teams:
		return encode(teamsMessage(n))
	}
	return nil, fmt.Errorf("format %q: want generic, slack or teams", f)
}

// encode leaves < > & as they are: no browser reads this.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return b.Bytes(), err
}

func generic(n Notice) map[string]any {
	body := maps.Clone(n.Details)
	if body == nil {
		body = map[string]any{}
	}
	body["event"], body["title"] = n.Event, n.Title
	body["reason"], body["hint"] = orNull(n.Reason), orNull(n.Hint)
	return body
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// slackText is mrkdwn: https://docs.slack.dev/messaging/formatting-message-text
func slackText(n Notice) string {
	// These three are all that must be escaped, and a <!channel> in an error
	// would ring everybody's phone otherwise.
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	var b strings.Builder
	b.WriteString(map[mood]string{moodGood: ":white_check_mark: ", moodBad: ":rotating_light: "}[n.mood()])
	b.WriteString("*" + escape.Replace(n.Title) + "*")
	facts := make([]string, 0, len(n.Facts))
	for _, f := range n.Facts {
		facts = append(facts, escape.Replace(f.Name+" "+f.Value))
	}
	if len(facts) > 0 {
		b.WriteString("\n" + strings.Join(facts, " | "))
	}
	if n.Reason != "" {
		b.WriteString("\n```" + escape.Replace(strings.ReplaceAll(n.Reason, "```", "'''")) + "```")
	}
	if n.Hint != "" {
		b.WriteString("\n" + escape.Replace(n.Hint))
	}
	return b.String()
}

// teamsMessage is an adaptive card in the envelope that a workflow takes; the
// older connectors and their MessageCard are retired.
// https://learn.microsoft.com/power-automate/teams/create-adaptive-cards
func teamsMessage(n Notice) map[string]any {
	color := map[mood]string{moodPlain: "default", moodGood: "good", moodBad: "attention"}[n.mood()]
	body := []any{map[string]any{
		"type": "TextBlock", "text": n.Title, "weight": "bolder", "size": "medium", "color": color, "wrap": true,
	}}
	if n.Reason != "" {
		body = append(body, map[string]any{"type": "TextBlock", "text": n.Reason, "wrap": true, "fontType": "monospace"})
	}
	if n.Hint != "" {
		body = append(body, map[string]any{"type": "TextBlock", "text": n.Hint, "wrap": true})
	}
	facts := make([]any, 0, len(n.Facts))
	for _, f := range n.Facts {
		facts = append(facts, map[string]any{"title": f.Name, "value": f.Value})
	}
	if len(facts) > 0 {
		body = append(body, map[string]any{"type": "FactSet", "facts": facts})
	}
	return map[string]any{
		"type": "message",
		"attachments": []any{map[string]any{
			"contentType": "application/vnd.microsoft.card.adaptive",
			"contentUrl":  nil,
			"content": map[string]any{
				"$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
				"type":    "AdaptiveCard", "version": "1.4", "body": body,
			},
		}},
	}
}
