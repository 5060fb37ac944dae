package config

import (
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
)

// webURL takes one http or https URL.
func webURL[T ~string](to *T) parseFunc {
	return func(v value) error {
		text := strings.TrimSpace(v.text)
		if _, err := parseWebURL(text); err != nil {
			return err
		}
		*to = T(text)
		return nil
	}
}

// parseWebURL never returns the error of url.Parse, which quotes the URL.
func parseWebURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("want a URL such as https://host:9200; characters such as @ : / ? # , in a password are written %40 %3A %2F %3F %23 %2C")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, errors.New("want a URL that starts with http:// or https:// and a host")
	}
	return u, nil
}

// clusterURLs takes the nodes of one cluster, without user and password, so
// that a URL in a log line or an error gives nothing away. The user is picked
// up by checkCredentials.
func clusterURLs(to *[]string) parseFunc {
	return func(v value) error {
		var first *url.Userinfo
		for part := range strings.SplitSeq(v.text, ",") {
			u, err := parseWebURL(strings.TrimSpace(part))
			if err != nil {
				return err
			}
			if u.RawQuery != "" || u.Fragment != "" {
				return errors.New("want a URL without ? and #")
			}
			if u.User != nil && first != nil && u.User.String() != first.String() {
				return errors.New("want the same user and password for all nodes")
			}
			if first == nil {
				first = u.User
			}
			u.User = nil
			*to = append(*to, strings.TrimRight(u.String(), "/"))
		}
		return nil
	}
}

// userOf returns the first user in a list of URLs that clusterURLs accepted.
func userOf(urls string) *url.Userinfo {
	for part := range strings.SplitSeq(urls, ",") {
		if u, err := url.Parse(strings.TrimSpace(part)); err == nil && u.User != nil {
			return u.User
		}
	}
	return nil
}

// databaseURL checks no more than the form: pgx knows the rest, and its own
// message comes before anything is written.
func databaseURL(to *SecretURL) parseFunc {
	return func(v value) error {
		text := strings.TrimSpace(v.text)
		scheme, _, isURL := strings.Cut(text, "://")
		isURL = isURL && isScheme(scheme)
		switch {
		case isURL && scheme != "postgres" && scheme != "postgresql",
			!isURL && !strings.Contains(text, "="):
			return errors.New("want postgres://user@host:5432/name or host=<host> dbname=<name>")
		}
		*to = SecretURL(text)
		return nil
	}
}

// apiKey takes the encoded form, which has neither colons nor blanks.
func apiKey(to *Secret) parseFunc {
	return func(v value) error {
		text := strings.TrimSpace(v.text)
		if strings.ContainsAny(text, ": \t\r\n") {
			return errors.New(`want the "encoded" value of the create-API-key answer, base64 of id:key`)
		}
		*to = Secret(text)
		return nil
	}
}

// fingerprint takes SHA-256 in hex, as openssl and Elasticsearch print it.
func fingerprint(to *string) parseFunc {
	return func(v value) error {
		text := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(v.text), ":", ""))
		if sum, err := hex.DecodeString(text); err != nil || len(sum) != 32 {
			return errors.New("want SHA-256 in 64 hex digits, as openssl x509 -fingerprint -sha256 prints it")
		}
		*to = text
		return nil
	}
}
