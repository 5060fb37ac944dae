package drift_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/livewriter"
	"example.com/reindex/internal/drift"
	"example.com/reindex/pipeline"
)

// edit changes an item and, unless late, tells the live writer.
func (s *stock) edit(t *testing.T, id, name string, late bool) {
	t.Helper()
	s.sql(t, fmt.Sprintf("UPDATE item SET name = '%s', rev = rev + 1 WHERE id = %s", name, id))
	if late {
		return
	}
	s.refresh(t, id, livewriter.Written)
}

func (s *stock) refresh(t *testing.T, id string, want livewriter.Outcome) {
	t.Helper()
	got, err := s.writer.Refresh(t.Context(), id)
	if err != nil || got != want {
		t.Fatalf("Refresh(%s) = %s, %v; want %s", id, got, err, want)
	}
}

func TestLiveEditsDuringVerifyAreNoDrift(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		t.Run(fmt.Sprintf("versions %t", versions), func(t *testing.T) {
			t.Parallel()
			s := newStock(t, integers(versions), 30)
			s.opts.Gates.MaxShrink = 0
			// The edits are committed when the snapshot is asked for and are
			// delivered while it is read: the first round sees them half way.
			take, n := s.deps.Snapshot, 0
			s.deps.Snapshot = func(ctx context.Context) (pipeline.Snapshot, error) {
				n++
				if n == 1 {
					s.edit(t, "6", "edited", true)
					s.sql(t, "INSERT INTO item VALUES (100, 'created'); DELETE FROM item WHERE id = 9")
				}
				return take(ctx)
			}
			delivered := false
			s.meddle(func(int) {
				if delivered {
					return
				}
				delivered = true
				s.refresh(t, "6", livewriter.Written)
				s.refresh(t, "100", livewriter.Written)
				if got, err := s.writer.Delete(t.Context(), "9", s.version(11)); err != nil || got != livewriter.Deleted {
					t.Errorf("Delete = %s, %v; want deleted", got, err)
				}
			})
			r, err := s.verify(t)
			if err != nil || r.Outcome != drift.OutcomeEqual || r.Rounds != 2 {
				t.Errorf("verify = %s after %d rounds, %q, %v; want equal after 2", r.Outcome, r.Rounds, summarize(r.Found), err)
			}
		})
	}
}

func (s *stock) version(v int64) int64 {
	if s.versions {
		return v
	}
	return 0
}

// editEachRound edits a document before the snapshots 1 to last and delivers
// each edit when the snapshot is taken: the index side of that round is older.
func (s *stock) editEachRound(t *testing.T, id string, last int) {
	t.Helper()
	take, n := s.deps.Snapshot, 0
	s.deps.Snapshot = func(ctx context.Context) (pipeline.Snapshot, error) {
		n++
		if n > last {
			return take(ctx)
		}
		s.edit(t, id, fmt.Sprint("edit ", n), true)
		snapshot, err := take(ctx)
		s.refresh(t, id, livewriter.Written)
		return snapshot, err
	}
}

func TestDocumentThatIsEditedWithoutAPause(t *testing.T) {
	t.Parallel()
	t.Run("is looked at until it rests", func(t *testing.T) {
		t.Parallel()
		s := newStock(t, integers(true), 10)
		s.editEachRound(t, "6", 3)
		r, err := s.verify(t)
		if err != nil || r.Outcome != drift.OutcomeEqual || r.Rounds != 4 {
			t.Errorf("verify = %s after %d rounds, %v; want equal after 4", r.Outcome, r.Rounds, err)
		}
	})
	t.Run("is drift if it differs every time", func(t *testing.T) {
		t.Parallel()
		s := newStock(t, integers(true), 10)
		s.editEachRound(t, "6", 100)
		r, err := s.verify(t)
		if err == nil || summarize(r.Found) != "1 different [6 in name]" || r.Rounds != 5 {
			t.Errorf("verify = %q after %d rounds, %v; want 1 different after 5", summarize(r.Found), r.Rounds, err)
		}
	})
}

func TestNewerVersionInTheIndexIsNoDrift(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(true), 10)
	s.put(t, "6", 11, `{"id":6,"name":"newer","price":1,"tags":[]}`)
	r, err := s.verify(t)
	if err != nil || r.Outcome != drift.OutcomeEqual || r.Newer != 1 {
		t.Errorf("verify = %s, %d newer, %v; want equal with 1 newer", r.Outcome, r.Newer, err)
	}
}

func TestRepairNeverOverwritesANewerEdit(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		t.Run(fmt.Sprintf("versions %t", versions), func(t *testing.T) {
			t.Parallel()
			s := newStock(t, integers(versions), 10)
			s.put(t, "6", 10, `{"id":6,"name":"stale","tags":[]}`)         // different
			s.delete(t, "9", 10)                                           // missing
			s.sql(t, "DELETE FROM item WHERE id = 12")                     // extra
			s.put(t, "15", 10, `{"id":15,"name":"stale, left","tags":[]}`) // different, left alone
			edited := false
			s.meddle(func(snapshot int) {
				if snapshot != 2 || edited {
					return // the second snapshot is the one that is written from
				}
				edited = true
				s.edit(t, "6", "edited", false)
				s.edit(t, "9", "edited", false)
				s.sql(t, "INSERT INTO item VALUES (12, 'back', 2, 11)")
				s.refresh(t, "12", livewriter.Written)
			})
			r, err := s.repair(t)
			if err != nil || r.Outcome != drift.OutcomeRepaired || r.LeftToWriters != 3 || r.Updated != 1 {
				t.Errorf("repair = %s, %d left to writers, %d updated, %v; want repaired, 3 and 1", r.Outcome, r.LeftToWriters, r.Updated, err)
			}
			for id, want := range map[string]string{"6": "edited", "9": "edited", "12": "back", "15": "item 5"} {
				text, err := json.Marshal(s.stored(t, id)["_source"])
				if err != nil {
					t.Fatal(err)
				}
				var stored struct{ Name string }
				if err := json.Unmarshal(text, &stored); err != nil || stored.Name != want {
					t.Errorf("document %s is %q, want %q", id, stored.Name, want)
				}
			}
		})
	}
}

func TestRepairIsRefusedWhenTheSourceHasShrunk(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(true), 10)
	s.sql(t, "DELETE FROM item WHERE id > 9")
	var gate *pipeline.GateError
	if _, err := s.repair(t); !errors.As(err, &gate) || gate.Gate != "max_shrink" {
		t.Errorf("repair = %v; want gate max_shrink", err)
	}
	s.sql(t, "DELETE FROM item")
	s.opts.Gates.MaxShrink = 1
	if _, err := s.repair(t); !errors.As(err, &gate) || gate.Gate != "empty" {
		t.Errorf("repair = %v; want gate empty", err)
	}
	if stored := s.stored(t, "30"); stored["found"] != true {
		t.Error("a refused repair has deleted documents")
	}
}

func TestLiveWriterStaysCorrectThroughSwaps(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		t.Run(fmt.Sprintf("versions %t", versions), func(t *testing.T) {
			t.Parallel()
			k := integers(versions)
			s := newStock(t, k, 200)
			stop := make(chan struct{})
			edits := make(chan int)
			go func() { // ends with stop
				n := 0
				defer func() { edits <- n }()
				for ; ; n++ {
					select {
					case <-stop:
						return
					default:
						s.editSomething(t, n)
					}
				}
			}()
			for range 3 {
				_, err := pipeline.Run(t.Context(), s.deps, pipeline.Options{
					Holder: holder(), Body: s.body(k), Versions: versions, CatchUp: pipeline.CatchUpUntilQuiet, Gates: pipeline.Gates{MaxShrink: 1},
				})
				if err != nil {
					t.Error(err)
				}
			}
			close(stop)
			t.Logf("%d edits during three rebuilds", <-edits)
			if r, err := s.verify(t); err != nil {
				t.Errorf("verify found %q, %v", summarize(r.Found), err)
			}
		})
	}
}

// editSomething updates, deletes or creates an item and delivers it.
func (s *stock) editSomething(t *testing.T, n int) {
	t.Helper()
	id := fmt.Sprint(n * 7 % 250 * 3)
	var err error
	switch n % 5 {
	case 4:
		var rev int64
		ctx := context.WithoutCancel(t.Context())
		if err = s.conn.QueryRow(ctx, "DELETE FROM item WHERE id = $1::text::bigint RETURNING rev + 1", id).Scan(&rev); errors.Is(err, pgx.ErrNoRows) {
			return
		}
		if err == nil {
			_, err = s.writer.Delete(ctx, id, s.version(rev))
		}
	default: // one that comes back has a higher rev than it ever had
		s.sql(t, fmt.Sprintf("INSERT INTO item VALUES (%s, 'edit %d', 1, %d) ON CONFLICT (id) DO UPDATE SET name = excluded.name, rev = excluded.rev",
			id, n, 1000+n))
		_, err = s.writer.Refresh(context.WithoutCancel(t.Context()), id)
	}
	if err != nil {
		t.Errorf("edit %d of item %s: %v", n, id, err)
	}
}

func TestRepairDoesNotBringBackWhatALiveWriterDeletes(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(true), 10)
	s.delete(t, "9", 10)
	deleted := false
	s.meddle(func(snapshot int) {
		if snapshot != 2 || deleted {
			return
		}
		deleted = true
		s.sql(t, "DELETE FROM item WHERE id = 9")
		if got, err := s.writer.Delete(t.Context(), "9", 11); err != nil || got != livewriter.Absent {
			t.Errorf("Delete = %s, %v; want absent", got, err)
		}
	})
	r, err := s.repair(t)
	if err != nil || r.LeftToWriters != 1 || r.Created != 0 {
		t.Errorf("repair = %s, %d left to writers, %d created, %v; want 1 and 0", r.Outcome, r.LeftToWriters, r.Created, err)
	}
}

// The source is emptied after the first round: the second would delete
// everything and overwrite what was edited.
func TestRepairOfASourceThatEmptiesInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(false), 10)
	s.put(t, "6", 0, `{"id":6,"name":"wrong","tags":[]}`)
	take, n := s.deps.Snapshot, 0
	s.deps.Snapshot = func(ctx context.Context) (pipeline.Snapshot, error) {
		if n++; n == 2 {
			s.sql(t, "DELETE FROM item WHERE id <> 6")
		}
		return take(ctx)
	}
	_, err := s.repair(t)
	if gate, refused := errors.AsType[*pipeline.GateError](err); !refused || gate.Gate != "max_shrink" {
		t.Errorf("repair = %v; want gate max_shrink", err)
	}
	if stored := fmt.Sprint(s.stored(t, "6")); !strings.Contains(stored, "wrong") {
		t.Errorf("document 6 is %s; an overwrite came before the gates", stored)
	}
	if stored := s.stored(t, "30"); stored["found"] != true {
		t.Error("a refused repair has deleted documents")
	}
}

// Elasticsearch gives a field back in another form than it was sent, as an
// ingest pipeline or synthetic _source does. A proxy does it here, because the
// test servers have no processors.
func TestRepairThatDoesNotConvergeNamesTheField(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(false), 5)
	s.deps.Bulk = changing{s.deps.Bulk}
	_, err := s.repair(t)
	unequal, ok := errors.AsType[*drift.Error](err)
	if !ok || unequal.Report.Updated != 5 || !strings.Contains(err.Error(), "3 in name") {
		t.Fatalf("repair = %v; want drift that names the field", err)
	}
	if hint := unequal.Hint(); !strings.Contains(hint, "field name") || !strings.Contains(hint, "default_pipeline") {
		t.Errorf("hint %q; want the field and the reason", hint)
	}
}

// changing is a transport whose searches give names back in capitals.
type changing struct{ esapi.Transport }

func (c changing) Perform(req *http.Request) (*http.Response, error) {
	res, err := c.Transport.Perform(req)
	if err != nil || !strings.HasSuffix(req.URL.Path, "/_search") {
		return res, err
	}
	text, err := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(text, []byte(`"item `), []byte(`"ITEM `))))
	res.ContentLength = -1
	return res, err
}
