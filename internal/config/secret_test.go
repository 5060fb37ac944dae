package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	type both struct {
		Key  Secret
		URL  SecretURL
		File File
	}
	const leak = "hunter2"
	v := both{Key: leak, URL: "postgres://u:" + leak + "@db/x", File: File{Path: "key.pem", Text: leak}}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("shown", slog.Any("all", v), slog.Any("key", v.Key), slog.Any("url", v.URL), slog.Any("file", v.File))
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{log.String(), string(asJSON), string(asYAML)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T%[1]v"} {
		texts = append(texts, fmt.Sprintf(verb, v), fmt.Sprintf(verb, &v), fmt.Sprintf(verb, v.Key), fmt.Sprintf(verb, v.URL), fmt.Sprintf(verb, v.File))
	}
	for _, text := range texts {
		if strings.Contains(text, leak) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", leak)) {
			t.Errorf("secret shown: %s", text)
		}
	}
	if v.Key.Reveal() != leak {
		t.Errorf("Reveal() = %q; want the secret", v.Key.Reveal())
	}
}

func TestSecretURLString(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"", ""},
		{"postgres://reader:pw@db:5432/tis?sslmode=require&password=pw", "postgres://reader:***@db:5432/tis"},
		{"postgres://db/tis", "postgres://db/tis"},
		{"postgres://reader:p@s/s#w?rd@db/tis", "postgres://reader:***@db/tis"},
		{"http://token@push:9091/metrics", "http://***@push:9091/metrics"},
		{"http://u:pw@h1:9200,http://u:pw@h2:9200", "http://u:***@h2:9200"},
		{"host=db password=pw dbname=tis", "host=db dbname=tis"},
		{`host = db password='it''s' dbname=tis`, "host=db"},
		{`host = 'my db' password = 'it\'s p=w' user=reader`, "host='my db' user=reader"},
		{"reader:pw@db:5432", "***"},
		{"password=pw", "***"},
		{"password='pw", "***"},
	}
	for _, tt := range tests {
		if got := SecretURL(tt.in).String(); got != tt.want {
			t.Errorf("SecretURL(%q).String() = %q; want %q", tt.in, got, tt.want)
		}
	}
}

// FuzzSecretURL writes one password in every form that a database URL has. The
// marker makes sure that it is not part of the other pieces by chance.
func FuzzSecretURL(f *testing.F) {
	const marker = "\x01S3CRET\x01"
	f.Add("reader", "pw", "db:5432", "tis")
	f.Add("reader", "p@s/s", "db", "tis?x=@")
	f.Add("r@d", "' \\", "h1,h2", "a#b")
	f.Fuzz(func(t *testing.T, user, password, host, name string) {
		if strings.Contains(user+host+name, marker) {
			t.Skip("the marker is in another piece")
		}
		password += marker
		quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "'"
		value := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
		where := fmt.Sprintf("host='%s' dbname='%s'", value.Replace(host), value.Replace(name))
		for _, text := range []string{
			(&url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: host, Path: name}).String(),
			"postgres://" + user + ":" + password + "@" + url.PathEscape(host) + "/" + url.PathEscape(name),
			"postgres://" + url.PathEscape(host) + "/" + url.PathEscape(name) + "?password=" + url.QueryEscape(password),
			where + " password=" + quoted,
			"password = " + quoted + " " + where,
		} {
			got := SecretURL(text).String()
			for _, leak := range []string{marker, url.PathEscape(marker), url.QueryEscape(marker)} {
				if strings.Contains(got, leak) {
					t.Errorf("SecretURL(%q).String() = %q shows the password", text, got)
				}
			}
		}
	})
}
