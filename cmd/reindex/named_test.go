package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

// heldRun starts a run and calls during while its first bulk request is held,
// and between while its swap is.
func heldRun(t *testing.T, p *project, proxy *faultproxy.Proxy, during, between func()) result {
	t.Helper()
	loading := proxy.On(faultproxy.Rule{Path: bulkPath, Do: faultproxy.Hold})
	swapping := proxy.On(swapRequest)
	running := p.start(t, "run", "--json", "--max-shrink", "off")
	loading.Await(t)
	during()
	loading.Release()
	swapping.Await(t)
	between()
	swapping.Release()
	r := running.wait(t)
	if r.code != 0 {
		t.Fatal(r)
	}
	return r
}

func TestCommitsThatConcernNoDocumentCostNoPass(t *testing.T) {
	t.Parallel()
	p, proxy := editedProject(t, 200, false)
	sqlExec(t, p.db, "CREATE TABLE queue (job text)")
	work := func() {
		sqlExec(t, p.db, "INSERT INTO queue VALUES ('a')")
		sqlExec(t, p.db, "BEGIN; SELECT FROM note FOR SHARE; COMMIT") // as a foreign key does
	}
	s := heldRun(t, p, proxy, work, work).summary(t)
	if s["changed"] != 0.0 || s["full_pass_reason"] != nil {
		t.Errorf("summary %v", s)
	}
	p.equal(t, notesOracle)
}

func TestAPassReadsWhatHasChanged(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		p, proxy := editedProject(t, 200, versions)
		r := heldRun(t, p, proxy, func() {
			sqlExec(t, p.db, "UPDATE note SET title = 'edited', rev = rev + 1 WHERE id IN (4, 8)")
			sqlExec(t, p.db, "DELETE FROM tag WHERE note_id = 10; UPDATE note SET rev = rev + 1 WHERE id = 10")
			sqlExec(t, p.db, "INSERT INTO note VALUES (1001, 'new')")
			sqlExec(t, p.db, "DELETE FROM tag WHERE note_id = 20; DELETE FROM note WHERE id = 20")
		}, func() {
			sqlExec(t, p.db, "UPDATE note SET title = 'late', rev = rev + 1 WHERE id IN (4, 6, 10)")
			sqlExec(t, p.db, "DELETE FROM note WHERE id = 1001")
		})
		s := r.summary(t)
		if s["changed"] != 7.0 || s["removed"] != 2.0 || s["full_pass_reason"] != nil || s["guarantee"] != guarantee(versions) {
			t.Errorf("versions %t: summary %v", versions, s)
		}
		p.equal(t, notesOracle)
		// The lists were counted without being read.
		var want int64
		if err := sqlConn(t, p.db).QueryRow(t.Context(), "SELECT count(*) FROM tag").Scan(&want); err != nil {
			t.Fatal(err)
		}
		if got := tagsOf(t, fmt.Sprint(s["index"])); got != want {
			t.Errorf("versions %t: %d tags are recorded, want %d", versions, got, want)
		}
	}
}

// tagsOf returns how many tags a run has recorded with its index.
func tagsOf(t *testing.T, index string) int64 {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, stacktest.Elasticsearch(t)+"/"+index+"/_mapping", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true                          // no connection is left when the test ends
	answer, err := http.DefaultClient.Do(request) //nolint:forbidigo // a test
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var mapping map[string]struct {
		Mappings struct {
			Meta struct {
				Reindex struct{ Lists map[string]int64 }
			} `json:"_meta"`
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&mapping); err != nil {
		t.Fatal(err)
	}
	return mapping[index].Mappings.Meta.Reindex.Lists["tags"]
}

// Whoever waits for a table ends the snapshots in the middle of a pass that has found a deletion. The next pass has to
// make it.
func TestAPassByIDThatIsInterruptedDeletesAfterAll(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		t.Run(fmt.Sprintf("after the swap %t", live), func(t *testing.T) {
			t.Parallel()
			p, proxy := editedProject(t, 500, false)
			p.env = append(p.env, "REINDEX_SOURCE_GIVE_WAY=100ms", "REINDEX_LOAD_BATCH_BYTES=64KiB")
			held := faultproxy.Rule{Path: bulkPath, Nth: 1, Do: faultproxy.Hold}
			passing := faultproxy.Rule{Path: bulkPath, Body: "xxxx", Do: faultproxy.Hold}
			if live {
				held, passing = swapRequest, correction("_search")
			}
			before := proxy.On(held)
			running := p.start(t, "run", "--json", "--max-shrink", "off")
			before.Await(t)
			sqlExec(t, p.db, "UPDATE note SET title = repeat('x', 2000) WHERE id > 200")
			sqlExec(t, p.db, "DELETE FROM tag WHERE note_id = 10; DELETE FROM note WHERE id = 10")
			pass := proxy.On(passing)
			before.Release()
			pass.Await(t)
			sqlExec(t, p.db, "ALTER TABLE note ADD COLUMN comment text") // ends because the run lets go
			pass.Release()
			r := running.wait(t)
			if r.code != 0 || r.summary(t)["catch_up_error"] != nil {
				t.Fatal(r)
			}
			p.equal(t, notesOracle)
		})
	}
}

func TestAFullPassSaysWhy(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]struct{ document, during string }{
		"calls version, whose result changes without a change of a row": {
			"SELECT id, title, rev, done FROM note WHERE version() <> ''", "UPDATE note SET title = 'x' WHERE id = 2",
		},
		"a function, operator or cast was created, replaced or dropped": {
			"", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		},
	} {
		proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
		d := notes()
		d.url = proxy.URL()
		if change.document != "" {
			d.document = change.document
		}
		p := newProject(t, notesDatabase(t, 20), d)
		p.rebuild(t)
		s := heldRun(t, p, proxy, func() { sqlExec(t, p.db, change.during) }, func() {}).summary(t)
		if got, _ := s["full_pass_reason"].(string); !strings.Contains(got, reason) {
			t.Errorf("full_pass_reason %q, want %q", got, reason)
		}
		p.equal(t, notesOracle)
	}
}
