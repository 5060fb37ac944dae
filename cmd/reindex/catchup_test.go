package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

var swapRequest = faultproxy.Rule{Method: http.MethodPost, Path: "^/_aliases", Body: `\.swap-`, Do: faultproxy.Hold}

// correction matches requests of the pass after the swap.
func correction(what string) faultproxy.Rule {
	return faultproxy.Rule{Method: http.MethodPost, Path: `\.swap-[^/]*/` + what, Do: faultproxy.Hold}
}

// editedProject has n notes behind a proxy, an index of them, and, if wanted, a
// version.
func editedProject(t *testing.T, n int, versions bool) (*project, *faultproxy.Proxy) {
	t.Helper()
	proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
	d := notes()
	d.url = proxy.URL()
	if versions {
		d.document, d.version = "SELECT id, title, rev, done, rev AS version FROM note", "version"
	}
	p := newProject(t, notesDatabase(t, n), d)
	p.rebuild(t)
	return p, proxy
}

func guarantee(versions bool) string {
	if versions {
		return "versions"
	}
	return "unchanged-since-written"
}

func TestNoEditIsLost(t *testing.T) {
	t.Parallel()
	const documents = 1000
	for _, versions := range []bool{true, false} {
		for _, live := range []bool{true, false} {
			t.Run(fmt.Sprintf("versions %t, live writer %t", versions, live), func(t *testing.T) {
				t.Parallel()
				p, proxy := editedProject(t, documents, versions)
				writer := newWriter(t, p, documents, versions, live)
				loading := proxy.On(faultproxy.Rule{Path: bulkPath, Do: faultproxy.Hold})
				swapping := proxy.On(swapRequest)

				running := p.start(t, "run", "--json", "--max-shrink", "off")
				loading.Await(t)
				writer.start(t)
				writer.more(t, 100)
				loading.Release()
				swapping.Await(t)
				writer.more(t, 100)
				if !live {
					writer.stop(t) // nothing else brings later edits to the index
				}
				swapping.Release()
				r := running.wait(t)
				if live {
					writer.stop(t)
				}
				if r.code != 0 {
					t.Fatal(r)
				}
				s := r.summary(t)
				if s["guarantee"] != guarantee(versions) || s["passes"].(float64) < 2 || s["changed"].(float64) == 0 || s["removed"].(float64) == 0 || //nolint:forcetypeassert // a test
					s["catch_up_error"] != nil {
					t.Errorf("summary %v", s)
				}
				p.equal(t, notesOracle)
			})
		}
	}
}

func TestEditsBetweenTheLastSnapshotAndTheSwap(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		for _, mode := range []string{"once", "until-quiet"} {
			t.Run(fmt.Sprintf("are made good with versions %t, catch-up %s", versions, mode), func(t *testing.T) {
				t.Parallel()
				p, proxy := editedProject(t, 50, versions)
				s := p.editBeforeSwap(t, proxy, mode)
				if s["changed"] != 3.0 || s["removed"] != 1.0 || s["guarantee"] != guarantee(versions) || s["left_to_writers"] != 0.0 {
					t.Errorf("summary %v", s)
				}
				p.equal(t, notesOracle)
			})
		}
	}
	t.Run("are left to the next run with catch-up off", func(t *testing.T) {
		t.Parallel()
		p, proxy := editedProject(t, 50, false)
		before := oracle(t, p.db, notesOracle)
		s := p.editBeforeSwap(t, proxy, "off")
		if s["passes"] != 0.0 || s["guarantee"] != "none" {
			t.Errorf("summary %v", s)
		}
		if got := p.documents(t, p.alias); len(got) != len(before) || fmt.Sprint(got["2"]) != fmt.Sprint(before["2"]) {
			t.Errorf("the index is not what the snapshot showed: %v", got["2"])
		}
		p.rebuild(t)
		p.equal(t, notesOracle)
	})
}

// editBeforeSwap changes two notes, deletes one and adds one while the swap is
// on its way.
func (p *project) editBeforeSwap(t *testing.T, proxy *faultproxy.Proxy, mode string) map[string]any {
	t.Helper()
	swapping := proxy.On(swapRequest)
	running := p.start(t, "run", "--json", "--catch-up", mode)
	swapping.Await(t)
	sqlExec(t, p.db, `BEGIN; UPDATE note SET title = 'between', rev = rev + 1 WHERE id = 2; INSERT INTO note VALUES (3, 'new');
		UPDATE note SET rev = rev + 1 WHERE id = 6; UPDATE tag SET tag = 'other' WHERE note_id = 6 AND position = 1;
		DELETE FROM note WHERE id = 4; COMMIT`)
	swapping.Release()
	r := running.wait(t)
	if r.code != 0 {
		t.Fatal(r)
	}
	return r.summary(t)
}

// The pass after the swap read a note before a live writer changed it again.
func TestNewerEditOfALiveWriterSurvivesTheCorrection(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		versions bool
		request  string // of the correction, that the writer is faster than
		left     float64
	}{
		{true, "_bulk", 5}, // the pass by content finds 8 gone, and its deletion older than the writer's
		{false, "_search", 4},
		{false, "_bulk", 4},
	} {
		t.Run(fmt.Sprintf("versions %t, before %s", test.versions, test.request), func(t *testing.T) {
			t.Parallel()
			p, proxy := editedProject(t, 50, test.versions)
			swapping, correcting := proxy.On(swapRequest), proxy.On(correction(test.request))
			running := p.start(t, "run", "--json")
			swapping.Await(t)
			w := newWriter(t, p, 50, test.versions, false)
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			check(w.change(t.Context(), 2, "UPDATE note SET title = 'between', rev = 2 WHERE id = 2"))
			check(w.change(t.Context(), 3, "INSERT INTO note VALUES (3, 'between')"))
			check(w.remove(t.Context(), 4))
			check(w.change(t.Context(), 8, "UPDATE note SET title = 'between', rev = 2 WHERE id = 8"))
			swapping.Release()
			correcting.Await(t)
			w.live = true
			check(w.change(t.Context(), 2, "UPDATE note SET title = 'newest', rev = 3 WHERE id = 2"))
			check(w.change(t.Context(), 3, "UPDATE note SET title = 'newest', rev = 2 WHERE id = 3"))
			check(w.change(t.Context(), 4, "INSERT INTO note VALUES (4, 'back again', 5)"))
			check(w.remove(t.Context(), 8))
			correcting.Release()
			r := running.wait(t)
			if r.code != 0 {
				t.Fatal(r)
			}
			if s := r.summary(t); s["left_to_writers"] != test.left || s["guarantee"] != guarantee(test.versions) {
				t.Errorf("left_to_writers is %v, want %v; summary %v", s["left_to_writers"], test.left, s)
			}
			p.equal(t, notesOracle)
		})
	}
}

// The pass after the swap finds the table empty, or without most of its rows,
// and one row edited. Readers keep what was swapped in, and the summary says so.
func TestRowsThatVanishWhileSwapping(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		for gate, vanish := range map[string]string{
			"empty":      "DELETE FROM note",
			"max_shrink": "UPDATE note SET title = 'edited', rev = rev + 1 WHERE id = 2; DELETE FROM note WHERE id > 20",
		} {
			t.Run(fmt.Sprintf("gate %s, versions %t", gate, versions), func(t *testing.T) {
				t.Parallel()
				p, proxy := editedProject(t, 50, versions)
				before := p.documents(t, p.alias)
				swapping := proxy.On(swapRequest)
				running := p.start(t, "run", "--json")
				swapping.Await(t)
				sqlExec(t, p.db, "BEGIN; "+vanish+"; COMMIT")
				swapping.Release()
				r := running.wait(t)
				if r.code != 0 {
					t.Fatalf("want 0, for the new index is live, got %s", r)
				}
				s := r.summary(t)
				if s["outcome"] != "swapped" || s["documents"] != float64(len(before)) || s["guarantee"] != "none" ||
					!strings.Contains(fmt.Sprint(s["catch_up_error"]), "gate "+gate) {
					t.Errorf("summary %v", s)
				}
				if got := p.documents(t, p.alias); fmt.Sprint(got) != fmt.Sprint(before) {
					t.Errorf("readers have %d documents, had %d", len(got), len(before))
				}
				// The next run meets the same gate, before its swap.
				wantRefused(t, p.start(t, "run").wait(t), 4, []string{"gate " + gate})
			})
		}
	}
}

func TestUnchangedSourceIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		t.Run(fmt.Sprintf("versions %t", versions), func(t *testing.T) {
			t.Parallel()
			p, proxy := editedProject(t, 50, versions)
			swapping := proxy.On(swapRequest)
			running := p.start(t, "run", "--json")
			swapping.Await(t)
			// The snapshot is another one, and shows the same.
			sqlExec(t, p.db, "CREATE TABLE other (id int); INSERT INTO other VALUES (1)")
			swapping.Release()
			s := running.wait(t).summary(t)
			if s["outcome"] != "swapped" || s["changed"] != 0.0 || s["removed"] != 0.0 {
				t.Errorf("summary %v", s)
			}
			writes := slices.DeleteFunc(proxy.Requests(), func(r faultproxy.Request) bool { return !strings.Contains(r.Path, bulkPath) })
			if len(writes) != 2 { // one for each index
				t.Errorf("%d bulk requests, want those of the two loads alone", len(writes))
			}
		})
	}
}

func TestVersionThatGoesBackEndsTheRun(t *testing.T) {
	t.Parallel()
	p, proxy := editedProject(t, 50, true)
	sqlExec(t, p.db, "UPDATE note SET rev = 7")
	live := p.rebuild(t)["index"]
	loading := proxy.On(faultproxy.Rule{Path: bulkPath, Do: faultproxy.Hold})
	running := p.start(t, "run")
	loading.Await(t)
	sqlExec(t, p.db, "UPDATE note SET title = 'restored', rev = 6 WHERE id = 12")
	loading.Release()
	wantRefused(t, running.wait(t), 1, []string{"document 12: its version went from 7 to 6", "source.version must grow"})
	if got := p.carriers(t, p.alias); len(got) != 1 || got[0] != live {
		t.Errorf("the alias is on %v, want %v", got, live)
	}
	p.lockIsFree(t)
}

func TestDocumentThatIsRejectedWhileCatchingUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		allowed string
		code    int
	}{{"0", 3}, {"1", 0}} {
		t.Run("with --max-failures "+test.allowed, func(t *testing.T) {
			t.Parallel()
			proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
			d := notes()
			d.url, d.body = proxy.URL(), strictlyTitled
			db := fiveNotes(t)
			sqlExec(t, db, "UPDATE note SET title = id")
			p := newProject(t, db, d)
			loading := proxy.On(faultproxy.Rule{Path: bulkPath, Do: faultproxy.Hold})
			running := p.start(t, "run", "--max-failures", test.allowed)
			loading.Await(t)
			sqlExec(t, db, "UPDATE note SET title = 'no number' WHERE id = 4; UPDATE note SET title = 44 WHERE id = 6")
			loading.Release()
			r := running.wait(t)
			if r.code != test.code {
				t.Fatalf("want exit status %d, got %s", test.code, r)
			}
			p.lockIsFree(t)
			if test.code != 0 {
				wantRefused(t, r, test.code, []string{"catch-up pass 1", "(4)"})
				return
			}
			want := oracle(t, db, notesOracle)
			got := p.documents(t, p.alias)
			if len(got) != len(want) || fmt.Sprint(got["6"]) != fmt.Sprint(want["6"]) || !strings.Contains(fmt.Sprint(got["4"]), "title:4") {
				t.Errorf("got %v", got)
			}
		})
	}
}
