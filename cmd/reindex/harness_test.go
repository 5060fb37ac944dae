package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/programtest"
)

// deadline bounds every wait for something that must happen.
const deadline = programtest.Deadline

// project is a folder with a configuration and what it names, an alias of its
// own and a database.
type project struct {
	cluster
	dir   string
	db    string
	alias string
	env   []string // beside PATH, HOME and TMPDIR
}

// definition says what a project rebuilds. The zero value of a field takes the
// field of [notes].
type definition struct {
	id       string
	document string
	lists    map[string]string // by field; with distinct in front, equal elements are kept once
	version  string
	body     string
	url      string // of Elasticsearch; defaults to the real one
	db       string // of PostgreSQL, in the file; defaults to the project's
	lease    string // defaults to longLease
	more     string // YAML
}

const distinct = "distinct "

// A lease is lost when the machine is so busy that no renewal is answered for
// two thirds of it. Only tests that wait for one to run out have a short one.
const (
	longLease  = "20s"
	shortLease = "6s"
)

// notes are short texts with integer ids, two tags each.
func notes() definition {
	return definition{
		id:       "id",
		document: "SELECT id, title, rev, done FROM note",
		lists:    map[string]string{"tags": "SELECT note_id AS id, tag FROM tag ORDER BY note_id, position"},
		body: `{
			"settings": {"number_of_shards": 1, "number_of_replicas": 0},
			"mappings": {"dynamic": "strict", "properties": {
				"id": {"type": "long"}, "title": {"type": "keyword"}, "rev": {"type": "long"}, "done": {"type": "boolean"},
				"tags": {"properties": {"tag": {"type": "keyword"}}}
			}}
		}`,
	}
}

const notesSchema = `
CREATE TABLE note (id bigint PRIMARY KEY, title text, rev bigint NOT NULL DEFAULT 1, done boolean NOT NULL DEFAULT false);
CREATE TABLE tag (note_id bigint NOT NULL, position int NOT NULL, tag text, PRIMARY KEY (note_id, position));`

// notesDatabase has n notes with even ids.
func notesDatabase(t *testing.T, n int) string {
	t.Helper()
	db := stacktest.Database(t)
	sqlExec(t, db, notesSchema)
	sqlExec(t, db, fmt.Sprintf(`
		INSERT INTO note SELECT 2 * i, 'note ' || i FROM generate_series(1, %[1]d) i;
		INSERT INTO tag SELECT 2 * i, k, 'tag ' || k FROM generate_series(1, %[1]d) i, generate_series(1, 2) k;
		ANALYZE`, n))
	return db
}

// notesOracle is every note as one statement builds it.
const notesOracle = `
SELECT id::text, jsonb_build_object('id', id, 'title', title, 'rev', rev, 'done', done, 'tags', coalesce(
	(SELECT jsonb_agg(jsonb_build_object('tag', tag) ORDER BY position) FROM tag WHERE note_id = id), '[]'))
FROM note`

// newProject writes the project down. Without a db it gets an empty database.
func newProject(t *testing.T, db string, d definition) *project {
	t.Helper()
	p := &project{cluster: cluster(stacktest.Elasticsearch(t)), dir: t.TempDir(), db: db}
	p.alias = stacktest.Prefix(t) + "-x" // never digits at the end, which an alias must not have
	if d.url == "" {
		d.url = string(p.cluster)
	}
	if d.db == "" {
		d.db = db
	}
	var config strings.Builder
	fmt.Fprintf(&config, "alias: %s\nelasticsearch: { url: %q }\nindex: { body: body.json }\nlock: { lease: %s }\n"+
		"source:\n  url: %q\n  id: %q\n  document: document.sql\n", p.alias, d.url, cmp.Or(d.lease, longLease), d.db, d.id)
	if d.version != "" {
		fmt.Fprintf(&config, "  version: %q\n", d.version)
	}
	if len(d.lists) > 0 {
		config.WriteString("  lists:\n")
	}
	for _, field := range slices.Sorted(maps.Keys(d.lists)) {
		query, distinct := strings.CutPrefix(d.lists[field], distinct)
		fmt.Fprintf(&config, "    %q: { query: %s.sql, distinct: %t }\n", field, field, distinct)
		p.write(t, field+".sql", query)
	}
	p.write(t, "reindex.yaml", config.String()+d.more)
	p.write(t, "document.sql", d.document)
	p.write(t, "body.json", d.body)
	return p
}

func (p *project) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// result is what a run of the program left behind.
type result struct {
	code           int
	stdout, stderr string
	pid            int
}

func (r result) String() string {
	return fmt.Sprintf("exit status %d\nstdout:\n%s\nstderr:\n%s", r.code, r.stdout, r.stderr)
}

// process is a run of the program that may not have ended yet.
type process struct{ *programtest.Process }

// start runs the program in the project's folder.
func (p *project) start(t *testing.T, args ...string) *process {
	t.Helper()
	started, err := programtest.Start(p.command(args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(started.Kill)
	return &process{started}
}

// command is the program in the project's folder, with none of the variables
// that name the servers of the tests.
func (p *project) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = p.dir, append(programtest.Environment(), p.env...)
	return cmd
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if !p.Signal(s) {
		t.Fatalf("%s has ended before %s", p, s)
	}
}

func (p *process) hasEnded() bool { return p.HasEnded() }

// wait returns when the process has ended.
func (p *process) wait(t *testing.T) result {
	t.Helper()
	status, ended := p.Wait()
	if !ended {
		t.Fatalf("%s did not end:\n%s\n%s", p, p.Stdout(), p.Stderr())
	}
	return result{code: status, pid: p.PID(), stdout: p.Stdout(), stderr: p.Stderr()}
}

// run runs the program to its end.
func (p *project) run(t *testing.T, args ...string) result {
	t.Helper()
	return p.start(t, args...).wait(t)
}

// succeed runs the program and wants exit status 0.
func (p *project) succeed(t *testing.T, args ...string) result {
	t.Helper()
	r := p.run(t, args...)
	if r.code != 0 {
		t.Fatalf("reindex %s: %s", strings.Join(args, " "), r)
	}
	return r
}

// lines parses what --json printed.
func (r result) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(r.stdout) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in line %q of %s", err, text, r)
		}
		lines = append(lines, line)
	}
	return lines
}

// summary is the last line of --json.
func (r result) summary(t *testing.T) map[string]any {
	t.Helper()
	lines := r.lines(t)
	if len(lines) == 0 || lines[len(lines)-1]["message_type"] != "summary" {
		t.Fatalf("the last line is no summary: %s", r)
	}
	return lines[len(lines)-1]
}

// rebuild runs the program with --json and wants a swap.
func (p *project) rebuild(t *testing.T, args ...string) map[string]any {
	t.Helper()
	s := p.succeed(t, append([]string{"run", "--json"}, args...)...).summary(t)
	if s["outcome"] != "swapped" {
		t.Fatalf("outcome is %v, want swapped: %v", s["outcome"], s)
	}
	return s
}

// status is what `reindex status --json` says.
func (p *project) status(t *testing.T) (s statusJSON) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.succeed(t, "status", "--json").stdout), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

type statusJSON struct {
	Live *struct {
		Index     string
		Documents int64
		Token     int64
	}
	Lock struct {
		State, Phase string
		Token        int64
		Holder       struct {
			Host  string
			PID   int
			RunID string `json:"run_id"`
		}
	}
	Generations []struct {
		Index, State string
		Token        int64
	}
}

// states counts the generations in each state.
func (s statusJSON) states() map[string]int {
	states := map[string]int{}
	for _, g := range s.Generations {
		states[g.State]++
	}
	return states
}

// sqlExec runs statements on a connection of its own.
func sqlExec(t *testing.T, db, sql string) {
	t.Helper()
	conn := sqlConn(t, db)
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
}

// sqlConn is closed when the test ends.
func sqlConn(t *testing.T, db string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may have ended it
	return conn
}

// oracle returns the JSON of every document by id, as query builds it: a text
// id and a jsonb.
func oracle(t *testing.T, db, query string) map[string]any {
	t.Helper()
	rows, err := sqlConn(t, db).Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	documents := map[string]any{}
	var id, text string
	_, err = pgx.ForEachRow(rows, []any{&id, &text}, func() error {
		if _, twice := documents[id]; twice {
			return fmt.Errorf("the oracle has id %s twice", id)
		}
		documents[id] = parseJSON(t, []byte(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

// parseJSON keeps numbers as they are written.
func parseJSON(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !condition(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
