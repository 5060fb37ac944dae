package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
)

const marker = "MaRk3r"

// markedDocuments are refused for one column each; every value has the marker, or
// digits that are in no message by themselves.
func markedDocuments(t *testing.T) string {
	t.Helper()
	db := stacktest.Database(t)
	sqlExec(t, db, `CREATE TABLE item (id int PRIMARY KEY, n text, day text, place text, addr text, span text, vec json, sparse json, obj json, word text, num numeric);
		INSERT INTO item (id) SELECT generate_series(1, 40);
		UPDATE item SET word = 'MaRk3r', n = CASE WHEN id % 11 = 0 THEN 'MaRk3r' END, day = CASE WHEN id % 11 = 1 THEN '2024-13-MaRk3r' END,
			place = CASE WHEN id % 11 = 2 THEN 'POINT (MaRk3r 471147)' END, addr = CASE WHEN id % 11 = 3 THEN 'MaRk3r/24' END,
			span = CASE WHEN id % 11 = 4 THEN '[471147,MaRk3r)' END, vec = CASE id % 11 WHEN 5 THEN '[471147,1]' WHEN 6 THEN '"MaRk3r"' WHEN 7 THEN '[0,0,0]' END::json,
			sparse = CASE WHEN id % 11 = 8 THEN '{"MaRk3r": -471147.5}' END::json, obj = CASE WHEN id % 11 = 9 THEN '{"a": "MaRk3r", "a": 471147}' END::json,
			num = CASE WHEN id % 11 = 10 THEN repeat('471147', 300)::numeric END`)
	return db
}

const markedBody = `{"settings": {"number_of_replicas": 0}, "mappings": {"dynamic": "strict", "properties": {
	"id": {"type": "integer"}, "n": {"type": "long"}, "day": {"type": "date"}, "place": {"type": "geo_point"}, "addr": {"type": "ip"},
	"span": {"type": "integer_range"}, "vec": {"type": "dense_vector", "dims": 3}, "sparse": {"type": "sparse_vector"},
	"obj": {"type": "object", "enabled": false}, "word": {"type": "keyword"}, "num": {"type": "double"}}}}`

// listener keeps what is sent to a webhook and to a push gateway.
type listener struct {
	mu   sync.Mutex
	text strings.Builder
}

func listen(t *testing.T) (*listener, string) {
	t.Helper()
	l := &listener{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what did not come is not looked at
		l.mu.Lock()
		defer l.mu.Unlock()
		l.text.Write(body)
	}))
	t.Cleanup(server.Close)
	return l, server.URL
}

// TestNoValueOfADocumentLeavesTheProgram: rejected documents and failing queries, through
// every way out; only the file that was asked for has the servers' own words.
func TestNoValueOfADocumentLeavesTheProgram(t *testing.T) {
	t.Parallel()
	const boom = `CREATE FUNCTION boom(v text, state text) RETURNS int LANGUAGE plpgsql STABLE AS $f$ BEGIN
		IF v IS NOT NULL THEN RAISE EXCEPTION 'x %', v USING ERRCODE = state, DETAIL = v, HINT = v; END IF; RETURN 1; END $f$`
	cases := map[string]struct {
		document string
		code     int
		says     []string
	}{
		"rejected documents": {"SELECT * FROM item", 3, []string{"failed documents: 40"}},
		"a cast":             {"SELECT id, n::int AS n FROM item", 1, []string{`document.sql: id 11: column "n": ERROR: invalid input syntax for type integer`}},
	}
	for _, class := range []string{"42", "57", "P0", "XX"} { // all others: package redact
		cases["SQL class "+class] = struct {
			document string
			code     int
			says     []string
		}{fmt.Sprintf("SELECT id, boom(n, '%s001') AS n FROM item", class), 1, []string{"document.sql", "(SQLSTATE " + class + "001)"}}
	}
	db := markedDocuments(t)
	sqlExec(t, db, boom)
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, url := listen(t)
			d := notes()
			d.document, d.lists, d.body = test.document, nil, markedBody
			metrics := filepath.Join(t.TempDir(), "reindex.prom")
			d.more = fmt.Sprintf("notify: { webhook: %s }\nmetrics: { text_file: %s, push_url: %s }\n", url, metrics, url)
			p := newProject(t, db, d)
			r := p.run(t, "run", "--failures-file", "failed.jsonl", "--server-messages", "full.jsonl", "--verbose")
			wantRefused(t, r, test.code, test.says)
			seen := map[string]string{"stderr": r.stderr, "stdout": r.stdout}
			again := p.run(t, "run", "--json")
			seen["stderr of --json"], seen["stdout of --json"] = again.stderr, again.stdout
			history := p.run(t, "history", "--json")
			seen["history"] = history.stdout
			seen["webhook and push gateway"] = sent.text.String()
			for _, file := range []string{filepath.Join(p.dir, "failed.jsonl"), metrics} {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				seen[file] = string(text)
			}
			for where, text := range seen {
				if strings.Contains(strings.ToLower(text), strings.ToLower(marker)) || strings.Contains(text, "471147") {
					t.Errorf("%s has a value of a document: %s", where, text)
				}
			}
			full, err := os.ReadFile(filepath.Join(p.dir, "full.jsonl"))
			if err != nil || !strings.Contains(string(full), marker) {
				t.Errorf("--server-messages: %v, %s; want the servers' own words", err, full)
			}
			for line := range strings.Lines(string(full)) {
				if !json.Valid([]byte(line)) {
					t.Errorf("line %s is no JSON", line)
				}
			}
		})
	}
}
