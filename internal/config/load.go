package config

import (
	"fmt"
	"path/filepath"
	"slices"
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
// retry-for, compression, max-shrink, min-documents, max-orphans, lease and catch-up. Their values have
// the form of the file, so a command declares them as plain strings.
type Flags map[string]string

// Load reads the file at path, or every file of a folder that ends in .yaml or
// .yml, and returns the indices that follow from it, from the variables that env
// knows (os.LookupEnv, or nil for none) and from flags, which are for all of
// them. An error is one or more [Error], joined, in the order of the file.
func Load(path string, env func(string) (string, bool), flags Flags) (*Set, error) {
	files, err := readConfiguration(path)
	if err != nil {
		return nil, err
	}
	return load(path, files, env, flags)
}

func load(path string, files []configFile, env func(string) (string, bool), flags Flags) (*Set, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	a := &assembly{set: &Set{Path: path}, env: env, flags: flags}
	for _, file := range files {
		a.read(file)
	}
	for _, l := range a.loaders {
		l.several = len(a.loaders) > 1
		l.load()
		a.problems = append(a.problems, l.problems...)
		a.set.Indices = append(a.set.Indices, l.config)
	}
	a.serve()
	a.together()
	if len(a.problems) > 0 {
		return nil, join(a.problems)
	}
	return a.set, nil
}

// loader fills one Config and collects what is wrong on the way.
type loader struct {
	config *Config
	table  []setting
	env    func(string) (string, bool)
	flags  Flags
	// own has the settings of the index; what it does not have is looked for in
	// defaults, which may be nil, and then at the top, which may be own.
	own, defaults, top *part
	several            bool             // the configuration has other indices too
	values             map[string]value // what each setting was given, by field
	unset              []string         // fields whose variables are not set
	problems           []*Error
}

// load fills the Config.
func (l *loader) load() {
	for _, s := range l.table {
		l.set(s)
	}
	l.id()
	l.document()
	l.lists()
	if !l.unreadable("elasticsearch") {
		l.checkCredentials()
		l.checkTLS()
	}
	l.checkNames()
	if l.config.Name == "" {
		l.config.Name = l.config.Alias
	}
}

// parts are where a setting is looked for, in this order.
func (l *loader) parts() []*part {
	var parts []*part
	for _, p := range []*part{l.own, l.defaults, l.top} {
		if p != nil && !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return parts
}

// value is the text of one setting and where it came from.
type value struct {
	text   string
	file   string // the configuration file, if the text is from there
	line   int    // in file
	block  bool   // the text is the content, not the name of a file
	origin string // variable, flag or "default"; empty: file
	under  string // what stands before the setting's name in file, see [part]

	written   string     // the text before variables were put in; empty if it has none
	variables []variable // that were put in
}

// path takes the text as the name of a file. In the configuration file a
// relative one starts at its folder, elsewhere at the current folder.
func (v value) path() string {
	if v.file == "" || filepath.IsAbs(v.text) {
		return filepath.Clean(v.text)
	}
	return filepath.Join(filepath.Dir(v.file), v.text)
}

// display is the text as a message has it.
func (v value) display() string {
	if v.written != "" {
		return v.written
	}
	if v.block {
		return fmt.Sprintf("(%d lines of text)", strings.Count(strings.TrimSpace(v.text), "\n")+1)
	}
	return v.text
}

// set gives one setting the value of the first place that has one.
func (l *loader) set(s setting) {
	v, ok := l.find(s)
	if !ok {
		if s.required != "" && !l.failed(s.field) {
			l.report(s.field, "is missing", s.required)
		}
		return
	}
	if v, ok = l.expand(s.field, v); !ok {
		l.unset = append(l.unset, s.field)
		return
	}
	l.values[s.field] = v
	if strings.TrimSpace(v.text) == "" {
		l.report(s.field, "is empty", "give it a value or leave it out")
		return
	}
	if err := s.parse(v); err != nil {
		l.report(s.field, refused(s.shown(v.display())), v.conceal(err.Error()))
	}
}

// find looks for a value: flag, variable, file, default.
func (l *loader) find(s setting) (value, bool) {
	if text, ok := l.flags[s.flag]; ok && s.flag != "" {
		return value{text: text, origin: "--" + s.flag}, true
	}
	// A variable that only one index can have is refused where there are several.
	if !l.several || s.scope != ownIndex {
		if v, ok := l.variable(s); ok {
			return v, true
		}
	}
	for _, p := range l.parts() {
		// What could not be read was reported; a lesser place must not hide it.
		if p.failed[s.field] {
			return value{}, false
		}
		if v, ok := p.values[s.field]; ok {
			return v, true
		}
	}
	if s.standard == "" {
		return value{}, false
	}
	return value{text: s.standard, origin: "default"}, true
}

// failed says whether a field is in the file but unusable.
func (l *loader) failed(field string) bool {
	return slices.ContainsFunc(l.parts(), func(p *part) bool { return p.failed[field] })
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
		l.own.failed[s.field] = true
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
		v = l.place(field)
	}
	l.reportAt(v, field, problem, hint)
}

// place is where a setting without a value would stand.
func (l *loader) place(field string) value {
	for _, p := range l.parts() {
		if _, fits := p.fields[field]; fits {
			line := p.sections[section(field)]
			if line == 0 {
				line = p.line
			}
			return value{line: line, under: p.under}
		}
	}
	return value{}
}

func (l *loader) reportAt(v value, field, problem, hint string) {
	l.problems = append(l.problems, &Error{
		File: l.config.Path, Line: v.line, Origin: v.origin, Field: v.under + field, Problem: problem, Advice: hint,
	})
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
