package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// configFile is one YAML file.
type configFile struct {
	path string
	text []byte
}

// readConfiguration reads a file, or the YAML files of a folder in the order of
// their names. Names that start with a dot are left out, as by a shell.
func readConfiguration(path string) ([]configFile, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return readFolder(path)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the person who starts the program names the file
	if err != nil {
		return nil, unreadable(path, err)
	}
	return []configFile{{path, text}}, nil
}

func readFolder(path string) ([]configFile, error) {
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, unreadable(path, err)
	}
	var files []configFile
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		ext := filepath.Ext(name)
		if strings.HasPrefix(e.Name(), ".") || e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		text, err := os.ReadFile(name) //nolint:gosec // as above
		if err != nil {
			return nil, unreadable(name, err)
		}
		files = append(files, configFile{name, text})
	}
	if len(files) == 0 {
		return nil, &Error{File: path, Problem: "has no file whose name ends in .yaml or .yml", Advice: missingHint}
	}
	return files, nil
}

const missingHint = "`reindex init` writes a first configuration from a table; --config (-c) or REINDEX_CONFIG names a file or a folder elsewhere"

func unreadable(path string, err error) *Error {
	e := &Error{File: path, Problem: "cannot be read: " + reason(err)}
	if os.IsNotExist(err) {
		e.Advice = missingHint
	}
	return e
}

// assembly puts the indices of all files together.
type assembly struct {
	set      *Set
	env      func(string) (string, bool)
	flags    Flags
	tops     []*part // of each file that is YAML
	loaders  []*loader
	problems []*Error
}

// read takes one file apart.
func (a *assembly) read(file configFile) {
	f := readYAML(file.path, file.text, slices.Concat(settings(&Config{}), setSettings(&Set{})))
	defer func() { a.problems = append(a.problems, f.problems...) }()
	if f.broken {
		return
	}
	a.tops = append(a.tops, f.top)
	if !f.several {
		a.loaders = append(a.loaders, a.loader(f, f.top))
	}
	for _, p := range f.indices {
		a.loaders = append(a.loaders, a.loader(f, p))
	}
}

func (a *assembly) loader(f *yamlFile, own *part) *loader {
	c := &Config{Path: f.path, Name: own.name}
	return &loader{
		config: c, table: settings(c), env: a.env, flags: a.flags,
		own: own, defaults: f.defaults, top: f.top, values: map[string]value{},
	}
}

// serve fills the settings that stand once: in one file of a folder.
func (a *assembly) serve() {
	if len(a.tops) == 0 {
		return
	}
	from := a.tops[0]
	for _, top := range a.tops {
		line := top.sections["serve"]
		switch {
		case line == 0:
		case from.sections["serve"] == 0:
			from = top
		case from != top:
			a.problems = append(a.problems, &Error{
				File: top.path, Line: line, Field: "serve", Problem: "is given twice",
				Advice: fmt.Sprintf("it is also in %s:%d", from.path, from.sections["serve"]),
			})
		}
	}
	l := &loader{
		config: &Config{Path: from.path}, env: a.env, flags: a.flags, own: from, top: from, values: map[string]value{},
	}
	for _, s := range setSettings(a.set) {
		l.set(s)
	}
	a.problems = append(a.problems, l.problems...)
}

// together looks at the indices side by side.
func (a *assembly) together() {
	if len(a.loaders) < 2 {
		return
	}
	for _, s := range settings(&Config{}) {
		if text, _ := a.env(s.variable()); s.scope == ownIndex && text != "" {
			a.problems = append(a.problems, &Error{
				File: a.set.Path, Origin: s.variable(), Field: s.field, Problem: "is set, and the configuration has several indices",
				Advice: "unset it: each index has its own in the file",
			})
		}
	}
	a.differ("alias", func(c *Config) string { return c.Alias }, "two indices cannot share an alias")
	a.differ("load.failures_file", func(c *Config) string { return c.Load.FailuresFile }, "the run of one would overwrite the list of the other")
	a.differentNames()
}

// differ reports indices that have the same value from a file.
func (a *assembly) differ(field string, of func(*Config) string, why string) {
	first := map[string]value{}
	for _, l := range a.loaders {
		v, text := l.values[field], of(l.config)
		if text == "" || v.file == "" {
			continue
		}
		if other, twice := first[text]; twice {
			l.report(field, refused(v.display())+", as in "+fmt.Sprintf("%s:%d", other.file, other.line), why)
			a.problems = append(a.problems, l.problems[len(l.problems)-1])
			continue
		}
		first[text] = v
	}
}

// differentNames reports indices of several files that have one name.
func (a *assembly) differentNames() {
	first := map[string]*part{}
	for _, l := range a.loaders {
		name := l.config.Name
		other := first[name]
		if other == nil {
			first[name] = l.own
			continue
		}
		if name == "" || l.own.name == "" && other.name == "" {
			continue // two aliases, which differ reports
		}
		a.problems = append(a.problems, &Error{
			File: l.own.path, Line: l.own.line, Field: strings.TrimSuffix(l.own.under, "."),
			Problem: fmt.Sprintf("is the second index named %s", name), Advice: "the other one is in " + other.path + "; rename one of them",
		})
	}
}
