package config

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected texts in testdata")

const wholeFile = `
alias: persons
elasticsearch:
  url: [http://es1:9200/, "http://es2:9200"]
  api_key: a2V5OmtleQ==
source:
  url: postgres://reader:pw@db/tis
  id: personId
  document: sql/persons.sql
  objects: { contact: { query: sql/persons.sql, omit: c, lookups: { query: sql/persons.sql, by: [x, y], as: z } } }
  lists:
    programmeMemberships: { query: sql/persons.sql, lookups: sql/persons.sql }
    codes: { query: sql/persons.sql, values: true, omit: [a, b] }
    trusts: { query: sql/persons.sql, distinct: true, unpivot: trustId, lookups: [sql/persons.sql, sql/persons.sql] }
    inline: |
      select 1 as "personId",
             2 as n
  version: rev
index:
  body: persons.index.json
  keep: 3
load: { workers: 4, batch_bytes: 1MB, max_failures: 7, failures_file: failures.jsonl, retry_for: 90s, compression: gzip }
gates: { max_shrink: 0.25, min_documents: 1000 }
lock: { lease: 1m }
catch_up: once
history: { keep: 30 }
notify: { webhook: "https://hooks.example.com/T/B/x", format: slack, on: [started, failed] }
metrics: { text_file: reindex.prom, push_url: "http://u:pw@push:9091", job: nightly }
`

const smallFile = `
alias: persons
elasticsearch: { url: "http://localhost:9200" }
source: { id: personId, document: sql/persons.sql }
index: { body: persons.index.json }
`

const indexBody = `{"settings": {"number_of_shards": 1}, "mappings": {"properties": {}}}`

// folder writes the files that the configurations of these tests name, and
// files over them, and returns the path of reindex.yaml.
func folder(tb testing.TB, files map[string]string) string {
	tb.Helper()
	all := map[string]string{"sql/persons.sql": "select 1;\n", "persons.index.json": indexBody}
	maps.Copy(all, files)
	dir := tb.TempDir()
	for name, text := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return filepath.Join(dir, "reindex.yaml")
}

func variables(set map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		text, ok := set[name]
		return text, ok
	}
}

// must loads a configuration that has to be good.
func must(t *testing.T, yaml string, env map[string]string, flags Flags) *Config {
	t.Helper()
	s, err := Load(folder(t, map[string]string{"reindex.yaml": yaml}), variables(env), flags)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	if len(s.Indices) != 1 {
		t.Fatalf("Load: %d indices; want 1", len(s.Indices))
	}
	return s.Indices[0]
}

func TestLoad(t *testing.T) {
	t.Parallel()

	t.Run("every setting of the file arrives", func(t *testing.T) {
		t.Parallel()
		got := must(t, wholeFile, nil, nil)
		dir := filepath.Dir(got.Path)
		sql := File{Path: filepath.Join(dir, "sql/persons.sql"), Text: "select 1;\n"}
		want := &Config{
			Path:          got.Path,
			Name:          "persons",
			Alias:         "persons",
			Elasticsearch: Elasticsearch{URLs: []string{"http://es1:9200", "http://es2:9200"}, APIKey: "a2V5OmtleQ=="},
			Source: Source{
				URL: "postgres://reader:pw@db/tis", ID: "personId", Document: Query{File: sql}, Version: "rev", GiveWay: 5 * time.Second, RowSecurity: RowSecurityRefuse,
				Objects: []Object{{Field: "contact", Query: Query{File: sql, Omit: []string{"c"}, Lookups: []Lookup{{File: sql, By: []string{"x", "y"}, As: "z"}}}}},
				Lists: []List{
					{Field: "programmeMemberships", Query: Query{File: sql, Lookups: []Lookup{{File: sql}}}},
					{Field: "codes", Query: Query{File: sql, Omit: []string{"a", "b"}}, Values: true},
					{Field: "trusts", Query: Query{File: sql, Lookups: []Lookup{{File: sql}, {File: sql}}}, Distinct: true, Unpivot: "trustId"},
					{Field: "inline", Query: Query{File: File{Path: got.Path + ":15", Text: "select 1 as \"personId\",\n       2 as n\n"}}},
				},
			},
			Index: Index{Body: json.RawMessage(indexBody), BodyPath: filepath.Join(dir, "persons.index.json"), Keep: 3},
			Load: Loading{
				Workers: 4, BatchBytes: 1_000_000, MaxFailures: 7,
				FailuresFile: filepath.Join(dir, "failures.jsonl"), RetryFor: 90 * time.Second, Compression: CompressionGzip,
			},
			Gates:   Gates{MaxShrink: 0.25, MinDocuments: 1000},
			Lock:    Lock{Lease: time.Minute},
			CatchUp: CatchUpOnce,
			History: History{Keep: 30},
			Notify:  Notify{Webhook: "https://hooks.example.com/T/B/x", Format: NotifySlack, On: []string{"started", "failed"}},
			Metrics: Metrics{TextFile: filepath.Join(dir, "reindex.prom"), PushURL: "http://u:pw@push:9091", Job: "nightly"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Load (-want +got):\n%s", diff)
		}
	})

	t.Run("what the file leaves out has its default", func(t *testing.T) {
		t.Parallel()
		got := must(t, smallFile, nil, nil)
		want := &Config{
			Path: got.Path, Name: "persons", Alias: "persons",
			Elasticsearch: got.Elasticsearch, Source: got.Source,
			Index:   Index{Body: got.Index.Body, BodyPath: got.Index.BodyPath, Keep: 1},
			Load:    Loading{BatchBytes: 4 << 20, RetryFor: time.Minute, Compression: CompressionNone},
			Gates:   Gates{MaxShrink: 0.1, MinDocuments: 1},
			Lock:    Lock{Lease: 30 * time.Second},
			CatchUp: CatchUpUntilQuiet,
			History: History{Keep: 400},
			Notify:  Notify{Format: NotifyGeneric, On: []string{"swapped", "refused", "failed", "lost", "unknown"}},
			Metrics: Metrics{Job: "reindex"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Load (-want +got):\n%s", diff)
		}
	})
}

func TestDocumentWithLookups(t *testing.T) {
	t.Parallel()
	long := strings.Replace(smallFile, "document: sql/persons.sql", `document: {
    lookups: [sql/a.sql, sql/b.sql], coalesce: currentOwner, omit: [programmeId, "post id"], query: sql/persons.sql }`, 1)
	one := strings.Replace(smallFile, "{ id: personId, document: sql/persons.sql }",
		"\n  id: personId\n  document:\n    query: |\n      select 1\n    lookups: sql/a.sql\n    omit: programmeId\n    coalesce: [x, y]", 1)
	without := strings.Replace(long, ", query: sql/persons.sql", "", 1)
	other := filepath.Join(t.TempDir(), "other.sql")
	if err := os.WriteFile(other, []byte("select 2"), 0o600); err != nil {
		t.Fatal(err)
	}
	variable := map[string]string{"REINDEX_SOURCE_DOCUMENT": other}
	for name, tt := range map[string]struct {
		yaml           string
		env            map[string]string
		query          string
		lookups        int
		coalesce, omit []string
	}{
		"lists":                         {long, nil, "select 1;\n", 2, []string{"currentOwner"}, []string{"programmeId", "post id"}},
		"single names, SQL in a block":  {one, nil, "select 1\n", 1, []string{"x", "y"}, []string{"programmeId"}},
		"the query from a variable":     {long, variable, "select 2", 2, []string{"currentOwner"}, []string{"programmeId", "post id"}},
		"without the query in the file": {without, variable, "select 2", 2, []string{"currentOwner"}, []string{"programmeId", "post id"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := folder(t, map[string]string{"reindex.yaml": tt.yaml, "sql/a.sql": "select 3", "sql/b.sql": "select 4"})
			set, err := Load(path, variables(tt.env), nil)
			if err != nil {
				t.Fatal(err)
			}
			s := set.Indices[0].Source.Document
			if s.Text != tt.query || len(s.Lookups) != tt.lookups || s.Lookups[0].Text != "select 3" {
				t.Errorf("document %q, lookups %v", s.Text, s.Lookups)
			}
			if diff := cmp.Diff([][]string{tt.coalesce, tt.omit}, [][]string{s.Coalesce, s.Omit}); diff != "" {
				t.Errorf("coalesce and omit (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := smallFile + "load: { workers: 3 }\n"
	env := map[string]string{"REINDEX_LOAD_WORKERS": "5"}
	tests := []struct {
		name, yaml string
		env        map[string]string
		flags      Flags
		want       int
	}{
		{"the default when nobody says anything", smallFile, nil, nil, 0},
		{"the file over the default", file, nil, nil, 3},
		{"a variable over the file", file, env, nil, 5},
		{"a flag over a variable", file, env, Flags{"workers": "7", "json": "true"}, 7},
		{"an empty variable counts as not set", file, map[string]string{"REINDEX_LOAD_WORKERS": ""}, nil, 3},
		{"a good variable hides a bad value in the file", smallFile + "load: { workers: x }\n", env, nil, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := must(t, tt.yaml, tt.env, tt.flags)
			if c.Load.Workers != tt.want {
				t.Errorf("Load.Workers = %d; want %d", c.Load.Workers, tt.want)
			}
		})
	}
}

func TestEverySettingHasItsVariable(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, s := range slices.Concat(settings(&Config{}), setSettings(&Set{})) {
		name := s.variable()
		if other, twice := seen[name]; twice {
			t.Errorf("variable %s belongs to %s and to %s", name, other, s.field)
		}
		seen[name] = s.field
	}
	for name, field := range map[string]string{
		"REINDEX_ALIAS": "alias", "REINDEX_LOAD_BATCH_BYTES": "load.batch_bytes", "REINDEX_NOTIFY_WEBHOOK": "notify.webhook",
		"ELASTICSEARCH_URL": "elasticsearch.url", "ELASTICSEARCH_CERT_FINGERPRINT": "elasticsearch.fingerprint", "DATABASE_URL": "source.url",
	} {
		if seen[name] != field {
			t.Errorf("variable %s sets %q; want %q", name, seen[name], field)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("  s3cret \r\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := must(t, smallFile, map[string]string{
		"ELASTICSEARCH_USERNAME": "elastic", "ELASTICSEARCH_PASSWORD_FILE": path,
	}, nil)
	if got := c.Elasticsearch.Password.Reveal(); got != "  s3cret " {
		t.Errorf("password = %q; want the text of the file without line ends", got)
	}
}

func TestUserInURLs(t *testing.T) {
	t.Parallel()
	c := must(t, smallFile, map[string]string{
		"ELASTICSEARCH_URL": "https://elastic:p%40ss%2C@es1:9200, https://es2:9200/path/",
	}, nil)
	want := Elasticsearch{URLs: []string{"https://es1:9200", "https://es2:9200/path"}, Username: "elastic", Password: "p@ss,"}
	if diff := cmp.Diff(want, c.Elasticsearch); diff != "" {
		t.Errorf("Elasticsearch (-want +got):\n%s", diff)
	}

	c = must(t, smallFile, map[string]string{"ELASTICSEARCH_URL": "https://elastic@es1", "ELASTICSEARCH_PASSWORD": "pw"}, nil)
	want = Elasticsearch{URLs: []string{"https://es1"}, Username: "elastic", Password: "pw"}
	if diff := cmp.Diff(want, c.Elasticsearch); diff != "" {
		t.Errorf("user in the URL, password in its variable (-want +got):\n%s", diff)
	}
}

func TestPrintedConfigHoldsNoSecret(t *testing.T) {
	t.Parallel()
	c := must(t, wholeFile, nil, nil)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", c, c, c), string(asJSON)} {
		for _, secret := range []string{"a2V5OmtleQ", "pw@", ":pw", "/T/B/x"} {
			if strings.Contains(text, secret) {
				t.Errorf("printed configuration holds %q:\n%s", secret, text)
			}
		}
	}
}

// TestErrors runs each testdata/errors/*.txtar: reindex.yaml and other files,
// optionally env and flags (name=value lines), and the error that must follow,
// in which $DIR stands for the folder. -update rewrites the error.
func TestErrors(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("testdata/errors: %d cases, %v", len(cases), err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}
			got := errorText(t, files)
			if *update {
				writeWant(t, path, archive, got)
				return
			}
			if diff := cmp.Diff(files["want"], got); diff != "" {
				t.Errorf("error text (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(t *testing.T, files map[string]string) string {
	t.Helper()
	config := folder(t, files)
	dir := filepath.Dir(config)
	_, err := Load(config, variables(pairs(files["env"], dir)), pairs(files["flags"], dir))
	if err == nil {
		t.Fatal("Load found no error")
	}
	return strings.ReplaceAll(withHints(t, err), dir, "$DIR")
}

// withHints is every problem of a configuration with its hint, one a line.
func withHints(t *testing.T, err error) string {
	t.Helper()
	var text strings.Builder
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, one := range all {
		problem, ok := errors.AsType[*Error](one)
		if !ok {
			t.Fatalf("%v is no *Error", one)
		}
		text.WriteString(problem.Error())
		if problem.Hint() != "" {
			text.WriteString(": " + problem.Hint())
		}
		text.WriteString("\n")
	}
	return text.String()
}

// pairs reads name=value lines.
func pairs(text, dir string) map[string]string {
	set := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		set[name] = strings.ReplaceAll(value, "$DIR", dir)
	}
	return set
}

func writeWant(t *testing.T, path string, archive *txtar.Archive, want string) {
	t.Helper()
	for i, f := range archive.Files {
		if f.Name == "want" {
			archive.Files[i].Data = []byte(want)
			if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s has no -- want --", path)
}

func FuzzLoad(f *testing.F) {
	f.Add(wholeFile)
	f.Add(smallFile)
	f.Add("alias: &a persons\nload: *a\n<<: {x: 1}\n? k\n: v\n--- 2\n...")
	f.Add("source: { document: { query: x.sql, lookups: [y.sql, {}], omit: [[], a], coalesce: } }\n")
	f.Add("source: { lists: { a: { query: [1], distinct: maybe, x: 1 }, a: | } }\n")
	f.Add("indices: { a: { alias: a }, a: [], b: , \"\": {} }\ndefaults: { source: { id: x } }\n")
	f.Add("alias: ${A}\nelasticsearch: { url: \"${\" }\n")
	path := folder(f, nil)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := load(path, []configFile{{path, []byte(text)}}, nil, nil)
		if (s == nil) == (err == nil) {
			t.Fatalf("load = %v, %v; want one of the two", s, err)
		}
		if s == nil {
			return
		}
		if len(s.Indices) == 0 {
			t.Error("load accepted a configuration without an index")
		}
		for _, c := range s.Indices {
			if c.Alias == "" || c.Name == "" {
				t.Error("load accepted an index without an alias or a name")
			}
		}
	})
}

func TestPasswordInABlock(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(smallFile, `{ url: "http://localhost:9200" }`,
		"\n  url: http://localhost:9200\n  username: elastic\n  password: |\n    it's: \"s3cret\" # all of it\n", 1)
	if got, want := must(t, yaml, nil, nil).Elasticsearch.Password.Reveal(), `it's: "s3cret" # all of it`; got != want {
		t.Errorf("password = %q; want %q", got, want)
	}
}
