package config

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "***"

// Secret is text that is never printed: every way of formatting, logging or
// encoding it gives ***, or nothing when it is empty.
type Secret string

// Reveal returns the secret itself, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// String returns *** or, for an empty secret, nothing.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// Format covers the verbs that would go around String, such as %d, %x and %#v.
func (s Secret) Format(f fmt.State, _ rune) { format(f, s.String()) }

// MarshalText makes JSON and YAML encoders write String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue makes slog write String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// SecretURL is a URL, or a PostgreSQL keyword/value string, that may hold a
// password. Every way of printing it gives [SecretURL.String].
type SecretURL string

// Reveal returns the URL with its password, for the one place that connects.
func (s SecretURL) Reveal() string { return string(s) }

// Format covers the verbs that would go around String, such as %d, %x and %#v.
func (s SecretURL) Format(f fmt.State, _ rune) { format(f, s.String()) }

// MarshalText makes JSON and YAML encoders write String.
func (s SecretURL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue makes slog write String.
func (s SecretURL) LogValue() slog.Value { return slog.StringValue(s.String()) }

// format ignores verb, width and flags: a mangled verb is better than a leak.
func format(f fmt.State, text string) {
	// There is nobody to give the error to; fmt itself ignores it as well.
	_, _ = io.WriteString(f, text)
}
