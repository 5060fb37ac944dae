package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
)

// File is a file named by a setting, read when the configuration was loaded.
// Printing or logging one gives its path and never its text, which may be a
// private key.
type File struct {
	// Path is where the text was read; for SQL written in the configuration
	// itself, that file and line. Empty: the setting is not set.
	Path string
	// Text is the content as it is, without a byte order mark.
	Text string
}

// String returns the path.
func (f File) String() string { return f.Path }

// Format covers the verbs that would go around String, such as %d, %x and %#v.
func (f File) Format(state fmt.State, _ rune) { format(state, f.Path) }

// MarshalText makes JSON and YAML encoders write the path.
func (f File) MarshalText() ([]byte, error) { return []byte(f.Path), nil }

// LogValue makes slog write the path.
func (f File) LogValue() slog.Value { return slog.StringValue(f.Path) }

// readFile reads a regular file that is not blank. Its errors are hints: they
// tell what is wanted and name the path.
func readFile(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, fmt.Errorf("%s: %s", path, reason(err))
	}
	// A pipe or a terminal would make the program wait for ever.
	if !info.Mode().IsRegular() {
		return File{}, fmt.Errorf("%s is not a regular file", path)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the configuration names the file; that is its purpose
	if err != nil {
		return File{}, fmt.Errorf("%s: %s", path, reason(err))
	}
	file := File{Path: path, Text: strings.TrimPrefix(string(text), "\ufeff")}
	if strings.TrimSpace(file.Text) == "" {
		return File{}, fmt.Errorf("%s is empty", path)
	}
	return file, nil
}

// reason is the cause of a file error without the path that it repeats.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file"
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err.Error()
	}
	return err.Error()
}
