package config

import "strings"

// String returns what a person needs to recognise the target, and only that:
//
//	postgres://reader:***@db:5432/tis
//	host=db dbname=tis user=reader
//
// It keeps known parts and drops the rest, query parameters included, instead
// of looking for a password: a password with an unescaped @ or / would
// otherwise show up in a part where nobody looks for it.
func (s SecretURL) String() string {
	if s == "" {
		return ""
	}
	if scheme, rest, ok := strings.Cut(string(s), "://"); ok && isScheme(scheme) {
		return scheme + "://" + redactAfterScheme(rest)
	}
	if pairs, ok := keywordValues(string(s)); ok && len(pairs) > 0 {
		return strings.Join(pairs, " ")
	}
	return hidden
}

// redactAfterScheme treats all up to the last @ as user and password.
func redactAfterScheme(rest string) string {
	credentials := ""
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, _, hasPassword := strings.Cut(rest[:at], ":")
		if !hasPassword {
			user = hidden // a token in the place of the user
		} else {
			user += ":" + hidden
		}
		credentials, rest = user+"@", rest[at+1:]
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	return credentials + rest
}

func isScheme(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return s != "" && strings.Trim(strings.ToLower(s), letters) == ""
}

// keywordValues reads libpq's `key = value` form, in which a value may stand
// in single quotes and a backslash escapes one character, and returns the
// pairs that are fit to print. It is not ok when the text is not of that form.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE
func keywordValues(text string) (pairs []string, ok bool) {
	const blank = " \t\r\n\f\v"
	for text = strings.Trim(text, blank); text != ""; text = strings.TrimLeft(text, blank) {
		key, rest, found := strings.Cut(text, "=")
		if !found {
			return nil, false
		}
		key = strings.TrimRight(key, blank)
		value, rest, closed := cutValue(strings.TrimLeft(rest, blank))
		if !closed {
			return nil, false
		}
		switch key {
		case "host", "hostaddr", "port", "dbname", "user":
			pairs = append(pairs, key+"="+value)
		default: // password, sslpassword, options: not needed to recognise it
		}
		text = rest
	}
	return pairs, true
}

// cutValue returns the value as it is written, quotes included, and the rest.
func cutValue(text string) (value, rest string, closed bool) {
	quoted := strings.HasPrefix(text, "'")
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case quoted && i > 0 && c == '\'':
			return text[:i+1], text[i+1:], true
		case !quoted && strings.IndexByte(" \t\r\n\f\v", c) >= 0:
			return text[:i], text[i:], true
		}
	}
	return text, "", !quoted
}
