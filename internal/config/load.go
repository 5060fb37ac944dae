package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Flags are the command-line flags that were given, by name without dashes,
// with their text. Names that belong to no setting are left alone, so that a
// command can hand over all of its flags:
//
//	flags := config.Flags{}
//	cmd.Flags().Visit(func(f *pflag.Flag) { flags[f.Name] = f.Value.String() })
//
// The names are keep, workers, batch-bytes, max-failures, failures-file,
// retry-for, compression, max-shrink, min-documents, lease and catch-up. Their values have
// the form of the file, so a command declares them as plain strings.
type Flags map[string]string

// Load reads the file at path and returns the configuration that follows from
// it, from the variables that env knows (os.LookupEnv, or nil for none) and
// from flags. An error is one or more [Error], joined, in the order of the
// file.
func Load(path string, env func(string) (string, bool), flags Flags) (*Config, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the person who starts the program names the file
	if err != nil {
		return nil, &Error{File: path, Problem: "cannot be read", Advice: reason(err)}
	}
	return load(path, text, env, flags)
}

func load(path string, text []byte, env func(string) (string, bool), flags Flags) (*Config, error) {
	config := &Config{Path: path}
	l := &loader{config: config, table: settings(config), env: env, flags: flags, values: map[string]value{}}
	if env == nil {
		l.env = func(string) (string, bool) { return "", false }
	}
	l.file = readYAML(path, text, l.table)
	l.problems = append(l.problems, l.file.problems...)
	if !l.file.broken {
		for _, s := range l.table {
			l.set(s)
		}
		l.document()
		l.lists()
		if !l.unreadable("elasticsearch") {
			l.checkCredentials()
			l.checkTLS()
		}
		l.checkNames()
	}
	if len(l.problems) > 0 {
		return nil, join(l.problems)
	}
	return config, nil
}

// loader fills one Config and collects what is wrong on the way.
type loader struct {
	config   *Config
	table    []setting
	env      func(string) (string, bool)
	flags    Flags
	file     *yamlFile
	values   map[string]value // what each setting was given, by field
	problems []*Error
}

// value is the text of one setting and where it came from.
type value struct {
	text   string
	file   string // the configuration file, if the text is from there
	line   int    // in file
	block  bool   // the text is the content, not the name of a file
	origin string // variable, flag or "default"; empty: file
}

// path takes the text as the name of a file. In the configuration file a
// relative one starts at its folder, elsewhere at the current folder.
func (v value) path() string {
	if v.file == "" || filepath.IsAbs(v.text) {
		return filepath.Clean(v.text)
	}
	return filepath.Join(filepath.Dir(v.file), v.text)
}

// display is the text as a listing has it.
func (v value) display() string {
	if v.block {
		return fmt.Sprintf("(%d lines of text)", strings.Count(strings.TrimSpace(v.text), "\n")+1)
	}
	return v.text
}

// set gives one setting the value of the first place that has one.
func (l *loader) set(s setting) {
	v, ok := l.find(s)
	if !ok {
		if s.required != "" && !l.file.failed[s.field] {
			l.report(s.field, "is missing", s.required)
		}
		return
	}
	l.values[s.field] = v
	if strings.TrimSpace(v.text) == "" {
		l.report(s.field, "is empty", "give it a value or leave it out")
		return
	}
	if err := s.parse(v); err != nil {
		l.report(s.field, refused(s.shown(v.display())), err.Error())
		return
	}
	l.note(s.field, s.shown(v.display()), v)
}

// find looks for a value: flag, variable, file, default.
func (l *loader) find(s setting) (value, bool) {
	if text, ok := l.flags[s.flag]; ok && s.flag != "" {
		return value{text: text, origin: "--" + s.flag}, true
	}
	if v, ok := l.variable(s); ok {
		return v, true
	}
	// What could not be read was reported; a lesser place must not hide it.
	if l.file.failed[s.field] {
		return value{}, false
	}
	if v, ok := l.file.values[s.field]; ok {
		return v, true
	}
	if s.standard == "" {
		return value{}, false
	}
	return value{text: s.standard, origin: "default"}, true
}

// variable looks a setting up in the environment, where empty means not set:
// container tools pass variables on whether they have a value or not.
func (l *loader) variable(s setting) (value, bool) {
	v := value{origin: s.variable()}
	v.text, _ = l.env(v.origin)
	if !s.secret() {
		return v, v.text != ""
	}
	path, _ := l.env(v.origin + "_FILE")
	if path == "" {
		return v, v.text != ""
	}
	if v.text != "" {
		l.reportAt(v, s.field, "is set twice", "unset "+v.origin+" or "+v.origin+"_FILE")
		return v, true
	}
	v.origin += "_FILE"
	file, err := readFile(path)
	if err != nil {
		l.file.failed[s.field] = true
		l.reportAt(v, s.field, "cannot be read", err.Error())
		return value{}, false
	}
	v.text = strings.TrimRight(file.Text, "\r\n")
	return v, true
}

// report adds a problem at the place where the field got its value, or should
// have got it.
func (l *loader) report(field, problem, hint string) {
	v, ok := l.values[field]
	if !ok {
		v.line = l.file.sections[section(field)]
	}
	l.reportAt(v, field, problem, hint)
}

func (l *loader) reportAt(v value, field, problem, hint string) {
	l.problems = append(l.problems, &Error{
		File: l.config.Path, Line: v.line, Origin: v.origin, Field: field, Problem: problem, Advice: hint,
	})
}

// note records a value that is in force.
func (l *loader) note(field, shown string, v value) {
	origin := v.origin
	if origin == "" {
		origin = fmt.Sprintf("%s:%d", filepath.Base(l.config.Path), v.line)
	}
	l.config.Settings = append(l.config.Settings, Setting{Field: field, Value: shown, Origin: origin})
}

// refused is the problem of a value that did not parse, cut so that it stays
// one line.
func refused(text string) string {
	const most = 80
	if text == hidden {
		return "is not in the right form"
	}
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return "is " + strconv.Quote(text)
}

// section is the first part of a dotted name, or nothing.
func section(field string) string {
	name, _, ok := strings.Cut(field, ".")
	if !ok {
		return ""
	}
	return name
}
