package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const severalFile = `
elasticsearch: { url: "http://es:9200" }
source: { url: postgres://db/tis }
defaults: { gates: { max_shrink: 20% }, lock: { lease: 1m }, index: { keep: 5 } }
indices:
  persons:
    alias: persons-of-${REGION}
    source: { id: personId, document: sql/persons.sql, lists: { trusts: sql/persons.sql } }
    index: { body: persons.index.json }
    schedule: "29 1 * * *"
  posts:
    alias: posts
    source: { id: postId, document: sql/persons.sql }
    index: { body: persons.index.json, keep: 2 }
    gates: { max_shrink: off }
serve: { listen: 127.0.0.1:8080, time_zone: Europe/London }
`

func TestSeveralIndices(t *testing.T) {
	t.Parallel()
	path := folder(t, map[string]string{"reindex.yaml": severalFile})
	s, err := Load(path, variables(map[string]string{"REGION": "north", "REINDEX_LOAD_WORKERS": "7"}), Flags{"catch-up": "off"})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Serve; got.Listen != "127.0.0.1:8080" || got.TimeZone.String() != "Europe/London" {
		t.Errorf("serve is %+v", got)
	}
	type facts struct {
		Name, Alias, ID, Schedule string
		Lists, Keep, Workers      int
		Shrink                    float64
		Lease                     time.Duration
		CatchUp                   CatchUp
	}
	var got []facts
	for _, c := range s.Indices {
		got = append(got, facts{
			c.Name, c.Alias, c.Source.ID, c.Schedule.Cron, len(c.Source.Lists), c.Index.Keep, c.Load.Workers, c.Gates.MaxShrink, c.Lock.Lease, c.CatchUp,
		})
		if c.Source.URL.Reveal() != "postgres://db/tis" || !slices.Equal(c.Elasticsearch.URLs, []string{"http://es:9200"}) {
			t.Errorf("%s has source.url %s and elasticsearch.url %v", c.Name, c.Source.URL, c.Elasticsearch.URLs)
		}
	}
	want := []facts{
		{"persons", "persons-of-north", "personId", "29 1 * * *", 1, 5, 7, 0.2, time.Minute, CatchUpOff},
		{"posts", "posts", "postId", "", 0, 2, 7, 1, time.Minute, CatchUpOff},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("indices (-want +got):\n%s", diff)
	}
}

func TestAFolderOfConfigurations(t *testing.T) {
	t.Parallel()
	posts := strings.Replace(smallFile, "alias: persons", "alias: posts", 1) + "serve: { listen: :1 }\n"
	files := map[string]string{
		"reindex.yaml": smallFile, "posts.yml": posts, ".hidden.yaml": "nonsense", "notes.txt": "nonsense",
		"several.yaml": strings.ReplaceAll(strings.ReplaceAll(severalFile, "persons-of-${REGION}", "others"), "  posts:\n    alias: posts\n", "  towns:\n    alias: towns\n"),
	}
	files["several.yaml"] = strings.Replace(strings.Replace(files["several.yaml"], "  persons:\n", "  others:\n", 1), "serve: {", "# serve: {", 1)
	dir := filepath.Dir(folder(t, files))

	t.Run("holds the indices of all files, a file of one index under its alias", func(t *testing.T) {
		t.Parallel()
		s, err := Load(dir, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"posts", "persons", "others", "towns"}, s.Names()); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		if s.Serve.Listen != ":1" {
			t.Errorf("serve.listen is %q", s.Serve.Listen)
		}
	})

	t.Run("names both places where two files have the same", func(t *testing.T) {
		t.Parallel()
		twice := map[string]string{"a.yaml": posts, "b.yaml": posts, "reindex.yaml": strings.Replace(severalFile, "-of-${REGION}", "", 1)}
		dir := filepath.Dir(folder(t, twice))
		_, err := Load(dir, nil, nil)
		for _, want := range []string{
			`b.yaml:2: alias is "posts", as in ` + dir + `/a.yaml:2: two indices cannot share an alias`,
			`reindex.yaml:11: indices.posts is the second index named posts: the other one is in ` + dir + `/a.yaml; rename one of them`,
			`b.yaml:6: serve is given twice: it is also in ` + dir + `/a.yaml:6`,
		} {
			if text := withHints(t, err); !strings.Contains(text, want) {
				t.Errorf("error %s\ndoes not say %s", text, want)
			}
		}
	})

	t.Run("is missing something if it has no file", func(t *testing.T) {
		t.Parallel()
		_, err := Load(t.TempDir(), nil, nil)
		if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Hint(), "reindex init") {
			t.Errorf("error %v, want one whose hint names init", err)
		}
	})
}

func TestAMissingFileNamesInit(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "reindex.yaml"), nil, nil)
	if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Hint(), "reindex init") || !strings.Contains(e.Hint(), "REINDEX_CONFIG") {
		t.Errorf("error %v, want one whose hint names init and REINDEX_CONFIG", err)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	s := &Set{Indices: []*Config{{Name: "persons"}, {Name: "posts"}, {Name: "towns"}}}
	single := &Set{Indices: s.Indices[:1]}
	for _, tt := range []struct {
		what  string
		set   *Set
		names []string
		all   bool
		want  string
		hint  string
	}{
		{"names in their order, each once", s, []string{"towns", "persons", "towns"}, false, "towns persons", ""},
		{"all in the order of the file", s, nil, true, "persons posts towns", ""},
		{"nothing is the only one", single, nil, false, "persons", ""},
		{"the only one has a name, too", single, []string{"persons"}, false, "persons", ""},
		{"nothing where there are several", s, nil, false, "", "name one or more of persons, posts, towns; where a command has --all, that is all of them"},
		{"a slip of the pen", s, []string{"post"}, false, "", "did you mean posts? There are persons, posts, towns"},
		{"another name", s, []string{"qqqqqq"}, false, "", "there are persons, posts, towns"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			chosen, err := tt.set.Select(tt.names, tt.all)
			var names []string
			for _, c := range chosen {
				names = append(names, c.Name)
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("selected %q, want %q", got, tt.want)
			}
			hint := ""
			if e, ok := errors.AsType[*SelectionError](err); ok {
				hint = e.Hint()
			}
			if hint != tt.hint || (err == nil) != (tt.hint == "") {
				t.Errorf("error %v with hint %q, want hint %q", err, hint, tt.hint)
			}
		})
	}
}

func TestVariablesInTheFile(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(smallFile, `{ url: "http://localhost:9200" }`, `{ url: [ "http://${ES}:9200", "http://$${ES}$$x" ], username: u, password: "pa$$wo$rd${PW}" }`, 1)
	yaml = strings.Replace(yaml, "http://$${ES}$$x", "http://two:9200", 1)
	yaml = strings.Replace(yaml, "document: sql/persons.sql", "document: \"${DIR}/persons.sql\", version: \"$${ES}\", lists: { a: \"${DIR}/persons.sql\" }", 1)
	yaml += "notify: { on: \"${ON}\" }\n"
	yaml = strings.Replace(yaml, "source: {", "source: {\n  ", 1)
	c := must(t, yaml, map[string]string{"ES": "one", "PW": "!", "DIR": "sql", "ON": "failed, lost"}, nil)
	got := []string{strings.Join(c.Elasticsearch.URLs, " "), c.Elasticsearch.Password.Reveal(), c.Source.Version, strings.Join(c.Notify.On, " "), c.Source.Document.Text, c.Source.Lists[0].Text}
	want := []string{"http://one:9200 http://two:9200", "pa$$wo$rd!", "${ES}", "failed lost", "select 1;\n", "select 1;\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	block := strings.Replace(smallFile, "{ id: personId, document: sql/persons.sql }", "\n  id: personId\n  document: |\n    SELECT $${x}$$, '${ES}'\n", 1)
	if got := must(t, block, nil, nil).Source.Document.Text; got != "SELECT $${x}$$, '${ES}'\n" {
		t.Errorf("a block of SQL became %q", got)
	}

	over := strings.Replace(smallFile, "http://localhost:9200", "${NOT_SET}", 1)
	if got := must(t, over, map[string]string{"ELASTICSEARCH_URL": "http://x:1"}, nil).Elasticsearch.URLs[0]; got != "http://x:1" {
		t.Errorf("ELASTICSEARCH_URL did not win over a value whose variable is not set: %s", got)
	}
}

func TestASecretThatAFileTookFromAVariableIsNotPrinted(t *testing.T) {
	t.Parallel()
	// Whatever setting a secret is put in by mistake.
	for _, s := range settings(&Config{}) {
		lines := "alias: persons\n"
		section, key, nested := strings.Cut(s.field, ".")
		line := section + ": \"${LEAK}\"\n"
		if nested {
			line = section + ": { " + key + ": \"${LEAK}\" }\n"
		}
		path := filepath.Join(t.TempDir(), "reindex.yaml")
		if err := os.WriteFile(path, []byte(lines+line), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, variables(map[string]string{"LEAK": "s3cret/Wörd: *"}), nil)
		if text := withHints(t, err); strings.Contains(text, "s3cret") {
			t.Errorf("%s: %s", s.field, text)
		}
	}
}

func TestLiteralIsTakenAsItStands(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"${ES}", "$${a", "$", "a$b${", "$$"} {
		yaml := strings.Replace(smallFile, "id: personId", "id: '"+Literal(id)+"'", 1)
		if got := must(t, yaml, map[string]string{"ES": "x", "a": "y"}, nil).Source.ID; got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
}
