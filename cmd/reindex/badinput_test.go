package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
)

// mistake is something wrong with what a user gave, and what becomes of it.
type mistake struct {
	name   string
	make   func(*definition)
	before func(t *testing.T, p *project) // after the alias was put on an index
	args   []string
	code   int
	says   []string // in the message
}

// secret must not be in any output.
const secret = "s3cr3t-d0-not-print"

const strictlyTitled = `{"mappings": {"dynamic": "strict", "properties": {"id": {"type": "long"}, "title": {"type": "long"},
	"rev": {"type": "long"}, "done": {"type": "boolean"}, "tags": {"enabled": false}}}}`

func mistakes() []mistake {
	return []mistake{
		{
			name: "a role that does not exist", make: func(d *definition) { d.db = replaceUser(d.db, "nobody:"+secret) },
			code: 2, says: []string{"connect to", "nobody", "check user, password and database"},
		},
		{
			name: "a database that does not exist", make: func(d *definition) { d.db = replaceDatabase(d.db, "absent") },
			code: 2, says: []string{`database "absent" does not exist`},
		},
		{
			name: "no PostgreSQL there", make: func(d *definition) { d.db = "postgres://u:" + secret + "@127.0.0.1:1/x" },
			code: 1, says: []string{"connect to database x on 127.0.0.1:1"},
		},
		{
			name: "no Elasticsearch there", make: func(d *definition) { d.url = "http://elastic:" + secret + "@127.0.0.1:1" },
			code: 1, says: []string{"no answer", "is Elasticsearch up"},
		},
		{
			name: "no such table", make: func(d *definition) { d.document = "SELECT id\nFROM memo" },
			code: 2, says: []string{`document.sql:2: relation "memo" does not exist`},
		},
		{
			name: "a query without the id column", make: func(d *definition) { d.document = "SELECT title FROM note" },
			code: 2, says: []string{`document.sql: column "id": is not a column`, "title"},
		},
		{
			name: "a list without the id column", make: func(d *definition) { d.lists["tags"] = "SELECT tag FROM tag" },
			code: 2, says: []string{`tags.sql: column "id": is not a column`},
		},
		{
			name: "a syntax error", make: func(d *definition) { d.document = "SELECT id,\n\n  FROM note" },
			code: 2, says: []string{"document.sql:3: syntax error"},
		},
		{
			name: "duplicate ids", make: func(d *definition) {
				d.document = "SELECT n.id, title FROM note n JOIN tag ON note_id = 6 AND n.id = 6"
			},
			code: 1, says: []string{"document.sql fans out: two rows for id 6"},
		},
		{
			name: "duplicate ids far apart", make: func(d *definition) {
				d.document, d.lists = "SELECT CASE WHEN id = 4 THEN 2 ELSE id END AS id FROM note", nil
			},
			code: 1, says: []string{"two rows for id 2"},
		},
		{
			name: "a NULL id", make: func(d *definition) { d.document, d.lists = "SELECT nullif(id, 4) AS id FROM note", nil },
			code: 1, says: []string{`document.sql: column "id": `},
		},
		{
			name: "not a number", make: func(d *definition) { d.document = "SELECT id, 'NaN'::float8 AS x FROM note" },
			code: 1, says: []string{`document.sql: id 2: column "x"`},
		},
		{
			name: "an index body that Elasticsearch refuses",
			make: func(d *definition) { d.body = `{"mappings": {"properties": {"title": {"type": "txet"}}}}` },
			code: 2, says: []string{"txet"},
		},
		{
			name: "an index body that is no JSON", make: func(d *definition) { d.body = `{"mappings": ` },
			code: 2, says: []string{"body.json"},
		},
		{
			name: "an index with the name of the alias",
			before: func(t *testing.T, p *project) {
				t.Helper()
				p.ask(t, http.MethodPost, "/_aliases", fmt.Sprintf(`{"actions":[{"remove":{"index":"%[1]s-old","alias":"%[1]s"}}]}`, p.alias))
				p.ask(t, http.MethodPut, "/"+p.alias, "")
			},
			code: 10, says: []string{"an index has the name of the alias", "delete the index"},
		},
		{
			name: "an alias on two indices",
			before: func(t *testing.T, p *project) {
				t.Helper()
				p.ask(t, http.MethodPut, "/"+p.alias+"-other", fmt.Sprintf(`{"aliases":{%q:{}}}`, p.alias))
			},
			code: 10, says: []string{"more than one index", "-old", "-other"},
		},
		{
			name: "an empty table", make: func(d *definition) { d.document += " WHERE false" },
			code: 4, says: []string{"gate empty", "--allow-empty"},
		},
		{
			name: "a table that shrank", make: func(d *definition) { d.document += " WHERE id < 5" },
			code: 4, says: []string{"gate max_shrink", "2 documents", "has 3", "--max-shrink"},
		},
		{
			name: "fewer documents than wanted", args: []string{"--min-documents", "6"},
			code: 4, says: []string{"gate min_documents", "5 documents", "6"},
		},
		{
			name: "a mapping that rejects three documents", make: func(d *definition) { d.body = strictlyTitled },
			code: 3, says: []string{"failed documents: 3", "(2, 4, 6)", "--max-failures"},
		},
		{
			name: "an index that a full disk has blocked",
			make: func(d *definition) { d.body = `{"settings": {"index.blocks.read_only_allow_delete": true}}` },
			code: 1, says: []string{"cluster_block_exception", "free disk space"},
		},
		{
			name: "an unknown key", make: func(d *definition) { d.more = "sourec: {}\n" },
			code: 2, says: []string{"reindex.yaml:", "sourec"},
		},
		{
			name: "bad YAML", make: func(d *definition) { d.more = "load: { workers: 2\n" },
			code: 2, says: []string{"reindex.yaml:"},
		},
		{
			name: "a query that is missing", before: func(t *testing.T, p *project) {
				t.Helper()
				if err := os.Remove(filepath.Join(p.dir, "document.sql")); err != nil {
					t.Fatal(err)
				}
			},
			code: 2, says: []string{"reindex.yaml:", "source.document", "there is no such file"},
		},
		{name: "a value out of range", args: []string{"--keep", "101"}, code: 2, says: []string{"--keep", "101"}},
		{name: "an unknown trigger", args: []string{"--trigger", "cron"}, code: 2, says: []string{`--trigger is "cron"`}},
	}
}

func replaceUser(url, user string) string {
	_, rest, _ := strings.Cut(url, "@")
	return "postgres://" + user + "@" + rest
}

func replaceDatabase(url, name string) string {
	return url[:strings.LastIndex(url, "/")] + "/" + name
}

// fiveNotes have ids 2 to 10; the titles of the last two are numbers.
func fiveNotes(t *testing.T) string {
	t.Helper()
	db := notesDatabase(t, 5)
	sqlExec(t, db, "UPDATE note SET title = id WHERE id > 6")
	return db
}

// withLiveIndex puts the alias on an index of three documents.
func withLiveIndex(t *testing.T, p *project) (index string) {
	t.Helper()
	index = p.alias + "-old"
	p.ask(t, http.MethodPut, "/"+index, fmt.Sprintf(`{"aliases":{%q:{}},"settings":{"number_of_replicas":0}}`, p.alias))
	for id := range 3 {
		p.ask(t, http.MethodPut, fmt.Sprintf("/%s/_doc/%d?refresh", index, id), "{}")
	}
	return index
}

func TestMistakeEndsWithItsStatusAndChangesNothing(t *testing.T) {
	t.Parallel()
	db := fiveNotes(t)
	for _, m := range mistakes() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			d := notes()
			d.db = db
			if m.make != nil {
				m.make(&d)
			}
			p := newProject(t, db, d)
			withLiveIndex(t, p)
			if m.before != nil {
				m.before(t, p)
			}
			before := p.shape(t)
			wantRefused(t, p.run(t, append([]string{"run"}, m.args...)...), m.code, m.says)
			p.untouched(t, before)
		})
	}
}

// shape is every index of the project with its aliases, but for the lock.
func (p *project) shape(t *testing.T) any {
	t.Helper()
	found, ok := parseJSON(t, p.ask(t, http.MethodGet, "/"+p.alias+"*/_alias?expand_wildcards=all", "")).(map[string]any)
	if !ok {
		t.Fatal("the answer is no object")
	}
	delete(found, "lock-"+p.alias) // wildcards match its aliases
	return found
}

// untouched wants the indices and the alias as they were, and no lock.
func (p *project) untouched(t *testing.T, before any) {
	t.Helper()
	if diff := cmp.Diff(before, p.shape(t)); diff != "" {
		t.Errorf("the indices changed (-before +after):\n%s", diff)
	}
	p.lockIsFree(t)
}

func wantRefused(t *testing.T, r result, code int, says []string) {
	t.Helper()
	if r.code != code {
		t.Errorf("want exit status %d, got %s", code, r)
	}
	for _, want := range says {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the message does not say %q: %s", want, r)
		}
	}
	if strings.Contains(r.stdout+r.stderr, secret) {
		t.Errorf("the output has the secret: %s", r)
	}
}

func TestWrongPasswordIsStatus2(t *testing.T) {
	t.Parallel()
	hba := readableByAll(t, "host all postgres 127.0.0.1/32 trust\nhost all clerk 127.0.0.1/32 scram-sha-256\n")
	server := stacktest.OwnPostgres(t, devstack.PostgresOptions{Settings: map[string]string{"hba_file": hba}})
	sqlExec(t, server.URL(), notesSchema+"CREATE ROLE clerk LOGIN PASSWORD 'right'; GRANT pg_read_all_data TO clerk; INSERT INTO note VALUES (1)")
	d := notes()
	d.db = replaceUser(server.URL(), "clerk")
	p := newProject(t, server.URL(), d)
	withLiveIndex(t, p)
	before := p.shape(t)

	p.env = []string{"PGPASSWORD=" + secret}
	wantRefused(t, p.run(t, "run"), 2, []string{"as clerk: password authentication failed", "check user, password"})
	p.untouched(t, before)

	p.env = []string{"PGPASSWORD=right"}
	p.rebuild(t, "--max-shrink", "off")
	p.equal(t, notesOracle)
}

// readableByAll writes a file that the user of a server can read, too.
func readableByAll(t *testing.T, text string) (path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "reindex-test-") //nolint:usetesting // t.TempDir is within a folder that only we may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "file")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMistakesThatAUserMayAllow(t *testing.T) {
	t.Parallel()
	db := fiveNotes(t)
	for _, test := range []struct {
		name      string
		make      func(*definition)
		args      []string
		documents int
	}{
		{"three rejected documents", func(d *definition) { d.body = strictlyTitled }, []string{"--max-failures", "3", "--max-shrink", "off"}, 2},
		{"an empty table", func(d *definition) { d.document += " WHERE false" }, []string{"--allow-empty"}, 0},
		{"a table that shrank", func(d *definition) { d.document += " WHERE id < 5" }, []string{"--max-shrink", "off"}, 2},
		{"a table that shrank by as much as allowed", func(d *definition) { d.document += " WHERE id < 5" }, []string{"--max-shrink", "34%"}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := notes()
			test.make(&d)
			p := newProject(t, db, d)
			withLiveIndex(t, p)
			s := p.rebuild(t, test.args...)
			if got := len(p.documents(t, p.alias)); got != test.documents || s["documents"] != float64(got) {
				t.Errorf("%d documents are live, the summary says %v, want %d", got, s["documents"], test.documents)
			}
			p.isTidy(t, s)
		})
	}
}

func TestFailuresFileHasEveryRejectedDocument(t *testing.T) {
	t.Parallel()
	d := notes()
	d.body = strictlyTitled
	p := newProject(t, fiveNotes(t), d)
	r := p.run(t, "run", "--failures-file", "failed.jsonl")
	if r.code != 3 {
		t.Errorf("want exit status 3, got %s", r)
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "failed.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range strings.Lines(string(text)) {
		failure, ok := parseJSON(t, []byte(line)).(map[string]any)
		if !ok || failure["type"] != "document_parsing_exception" || fmt.Sprint(failure["status"]) != "400" {
			t.Errorf("line %s", line)
		}
		ids = append(ids, fmt.Sprint(failure["id"]))
	}
	slices.Sort(ids)
	if diff := cmp.Diff([]string{"2", "4", "6"}, ids); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(string(text), "note 1") {
		t.Errorf("the file has content of documents: %s", text)
	}
}
