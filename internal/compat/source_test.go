package compat

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/faultproxy"
)

// Index bodies around the fields.
const plainSource, excludedSource = `{"mappings": {%s}}`, `{"mappings": {"_source": {"excludes": ["bio"]}, %s}}`

const changedFields = `"properties": {"id": {"type": "long"}, "name": {"type": "keyword"}, "bio": {"type": "keyword"}, "v": {"type": "dense_vector", "dims": 3}}`

// A row that is edited until the swap: its last edit must be in the index,
// whatever the mapping does to _source, and a live writer's later one too.
//
// Then verify agrees, or says before it starts what cannot be compared.
func lastEditsOnVersion(t *testing.T, url string, bodies map[string]string) {
	t.Helper()
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := stacktest.Database(t)
			sql(t, db, `CREATE TABLE person (id bigint PRIMARY KEY, name text, bio text, v json);
				INSERT INTO person SELECT i, 'name ' || i, 'bio ' || i, '[0.25, 1, 0.123456789]' FROM generate_series(1, 20) i`)
			proxy := faultproxy.New(t, url)
			alias := stacktest.Prefix(t) + "-x"
			s := &site{dir: t.TempDir(), env: map[string]string{"ELASTICSEARCH_URL": proxy.URL(), "DATABASE_URL": db}}
			for file, text := range map[string]string{
				"person.sql": "SELECT id, name, bio, v FROM person", "body.json": fmt.Sprintf(body, changedFields),
				"reindex.yaml": "alias: " + alias + "\nsource: { id: id, document: person.sql }\nindex: { body: body.json }\n",
			} {
				if err := os.WriteFile(filepath.Join(s.dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			swapping := proxy.On(faultproxy.Rule{Method: http.MethodPost, Path: "^/_aliases", Body: `\.swap-`, Do: faultproxy.Hold})
			correcting := proxy.On(faultproxy.Rule{Method: http.MethodPost, Path: `\.swap-[^/]*/_bulk`, Nth: 1, Do: faultproxy.Hold})
			running := s.start(t, "run", "--json")
			swapping.Await(t)
			sql(t, db, `BEGIN; UPDATE person SET name = 'last' WHERE id IN (5, 6); DELETE FROM person WHERE id = 7;
				INSERT INTO person VALUES (21, 'last', 'x', '[1, 2, 3]'); COMMIT`)
			swapping.Release()
			// While the first pass writes these, 5 is edited once more, and a live writer is
			// faster with 6. So a second pass finds a write of this run and one of another.
			correcting.Await(t)
			sql(t, db, "UPDATE person SET name = CASE id WHEN 5 THEN 'later' ELSE 'writer' END WHERE id IN (5, 6)")
			request(t, url, http.MethodPut, "/"+alias+"/_doc/6", `{"id": 6, "name": "writer", "bio": "bio 6", "v": [0.25, 1, 0.123456789]}`)
			correcting.Release()
			r := running.end(t)
			if r.code != 0 {
				t.Fatal(r)
			}
			sum := r.summary(t)
			if sum["left_to_writers"] != 2.0 || sum["guarantee"] != "unchanged-since-written" || sum["catch_up_error"] != nil || sum["passes"].(float64) < 2 { //nolint:forcetypeassert // a test
				t.Errorf("left_to_writers %v, passes %v, summary %v", sum["left_to_writers"], sum["passes"], sum)
			}
			for _, want := range []struct {
				field, value string
				documents    int
			}{{"name", "last", 1}, {"name", "later", 1}, {"name", "writer", 1}, {"id", "5", 1}, {"id", "7", 0}, {"id", "21", 1}} {
				if found := countOf(t, url, alias, want.field, want.value); found != want.documents {
					t.Errorf("%d documents have %s %s, want %d", found, want.field, want.value, want.documents)
				}
			}
			if problem := map[string]string{"excludes": "_source.excludes leaves out bio", "disabled": "_source is disabled"}[name]; problem != "" {
				for _, args := range [][]string{{"verify"}, {"verify", "--repair"}} {
					s.fail(t, 2, []string{"cannot be compared with the source: " + problem}, args...)
				}
				if found := s.succeed(t, "check").stdout; !strings.Contains(found, problem) {
					t.Errorf("check does not say %q:\n%s", problem, found)
				}
				return
			}
			s.succeed(t, "verify")
		})
	}
}

func request(t *testing.T, url, method, path, body string) (answer struct{ Count int }) {
	t.Helper()
	transport, err := es.New(es.Config{Addresses: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	if err := es.Do(t.Context(), transport, method, path, []byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// countOf asks a search, because _source may be anything.
func countOf(t *testing.T, url, index, field, value string) int {
	t.Helper()
	request(t, url, http.MethodPost, "/"+index+"/_refresh", "")
	query := fmt.Sprintf(`{"query": {"term": {%q: %q}}}`, field, value)
	return request(t, url, http.MethodPost, "/"+index+"/_count", query).Count
}

// The same on the version that all other tests use, with more that the mapping
// may do.
func TestLastEditsArriveWhateverBecomesOfSource(t *testing.T) {
	t.Parallel()
	lastEditsOnVersion(t, stacktest.Elasticsearch(t), map[string]string{
		"plain":     plainSource,
		"excludes":  excludedSource,
		"disabled":  `{"mappings": {"_source": {"enabled": false}, %s}}`,
		"synthetic": `{"settings": {"index.mapping.source.mode": "synthetic"}, "mappings": {%s}}`,
	})
}
