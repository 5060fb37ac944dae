package config

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// query takes the name of an SQL file, or the SQL itself from a block of text.
// The text stays as it is, so that positions in PostgreSQL's errors are
// positions in the file.
func query(to *File) parseFunc {
	return func(v value) error {
		if v.block {
			*to = File{Path: fmt.Sprintf("%s:%d", v.file, v.line), Text: v.text}
		} else if strings.ContainsAny(v.text, "\r\n") {
			return errors.New("want the name of an SQL file, or SQL in a block that starts with |")
		} else {
			file, err := readFile(v.path())
			if err != nil {
				return fmt.Errorf("want an SQL file; %w", err)
			}
			*to = file
		}
		// PostgreSQL takes neither; its own message would not name the file.
		if !utf8.ValidString(to.Text) || strings.ContainsRune(to.Text, 0) {
			return fmt.Errorf("want SQL in UTF-8; %s is not", to.Path)
		}
		return nil
	}
}

func pemFile(to *File) parseFunc {
	return func(v value) error {
		file, err := readFile(v.path())
		if err != nil {
			return fmt.Errorf("want a PEM file; %w", err)
		}
		if block, _ := pem.Decode([]byte(file.Text)); block == nil {
			return fmt.Errorf("want a PEM file; %s has no -----BEGIN block", file.Path)
		}
		*to = file
		return nil
	}
}

// output takes the name of a file that will be written; only its folder has to
// be there.
func output(to *string) parseFunc {
	return func(v value) error {
		path := v.path()
		info, err := os.Stat(filepath.Dir(path))
		switch {
		case err != nil:
			return fmt.Errorf("want a file in an existing folder; %s: %s", filepath.Dir(path), reason(err))
		case !info.IsDir():
			return fmt.Errorf("want a file in an existing folder; %s is not a folder", filepath.Dir(path))
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return fmt.Errorf("want a file; %s is a folder", path)
		}
		*to = path
		return nil
	}
}

// body takes the name of a JSON file for the create-index API.
func body(to *Index) parseFunc {
	return func(v value) error {
		file, err := readFile(v.path())
		if err != nil {
			return fmt.Errorf("want a JSON file; %w", err)
		}
		if err := checkBody([]byte(file.Text)); err != nil {
			return fmt.Errorf("%w (%s)", err, file.Path)
		}
		to.Body, to.BodyPath = json.RawMessage(file.Text), file.Path
		return nil
	}
}

func checkBody(text []byte) error {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil || top == nil {
		return fmt.Errorf("want a JSON object with settings and mappings%s", jsonFault(text, err))
	}
	keys := make([]string, 0, len(top))
	for key := range top {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		switch key {
		case "settings", "mappings":
			var object map[string]json.RawMessage
			if json.Unmarshal(top[key], &object) != nil || object == nil {
				return fmt.Errorf("want an object for %s", key)
			}
		case "aliases":
			return errors.New("want no aliases in the body: an alias added there would show the index to readers before it is complete; the program alone moves the alias")
		default:
			return fmt.Errorf("want only settings and mappings at the top, found %q", key)
		}
	}
	return nil
}

// jsonFault says where the JSON is broken, if it is.
func jsonFault(text []byte, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return ""
	}
	line := 1 + strings.Count(string(text[:min(int(syntax.Offset), len(text))]), "\n")
	return fmt.Sprintf("; line %d: %s", line, syntax)
}
