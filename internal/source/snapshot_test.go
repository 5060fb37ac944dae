package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/reindex/internal/document"
)

func TestSnapshotIsOneStateUnderWriters(t *testing.T) {
	t.Parallel()
	// Every transaction keeps the sum of all balances and, in the second table,
	// one entry per account with the same balance.
	url := database(t, `CREATE TABLE account (id int PRIMARY KEY, balance int);
		CREATE TABLE entry (account_id int, balance int);
		INSERT INTO account SELECT i, 100 FROM generate_series(1, 2000) i;
		INSERT INTO entry SELECT id, balance FROM account; ANALYZE;`)
	cfg := config(url, "id", "SELECT id, balance FROM account", "entries", "SELECT account_id AS id, balance FROM entry")
	cfg.RangeDocuments = 50
	src := open(t, cfg)
	snap := snapshot(t, src)
	ctx, stop := context.WithCancel(t.Context())
	wrote := make(chan int, 1) // read after the load
	go func() { wrote <- churn(ctx, t, url) }()
	docs, dups, _, err := load(t.Context(), snap, 2)
	n, countErr := snap.Count(t.Context())
	stop()
	if err != nil || countErr != nil || len(dups) > 0 {
		t.Fatalf("load: %v, count: %v, twice: %v", err, countErr, dups)
	}
	sum := 0
	for id, text := range docs {
		var balance int
		if _, err := fmt.Sscanf(text, `{"id":`+id+`,"balance":%d,`, &balance); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		sum += balance
		if want := fmt.Sprintf(`"entries":[{"balance":%d}]}`, balance); !strings.HasSuffix(text, want) {
			t.Fatalf("%s does not end in %s", text, want)
		}
	}
	if len(docs) != 2000 || n != 2000 || sum != 200_000 {
		t.Errorf("%d documents, Count %d, balances %d; want 2000, 2000, 200000", len(docs), n, sum)
	}
	if <-wrote == 0 {
		t.Error("nobody wrote; the test proves less than it should")
	}
}

// churn moves money, and accounts to new ids, until ctx ends.
func churn(ctx context.Context, tb testing.TB, url string) (transactions int) {
	tb.Helper()
	s, err := connectWriter(url)
	if err != nil {
		tb.Error(err)
		return 0
	}
	defer s.Close(context.Background())
	for i := 1; ctx.Err() == nil; i++ {
		from, to := i%2000+1, (i*7)%2000+1
		sql := fmt.Sprintf(`BEGIN; UPDATE account SET balance = balance - 1 WHERE id = %[1]d; UPDATE account SET balance = balance + 1 WHERE id = %[2]d;
			DELETE FROM entry WHERE account_id IN (%[1]d, %[2]d); INSERT INTO entry SELECT id, balance FROM account WHERE id IN (%[1]d, %[2]d);
			INSERT INTO account VALUES (%[3]d, 5); COMMIT`, from, to, 10_000+i)
		if _, err := s.Exec(context.Background(), sql).ReadAll(); err != nil {
			tb.Error(err)
			return transactions
		}
		transactions++
	}
	return transactions
}

func TestSnapshotTellsWhatItShows(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	src := open(t, config(url, "id", peopleSQL))
	before := time.Now()
	snap := snapshot(t, src)
	info := snap.Info()
	if info.Name == "" || info.LSN == "" || info.XMin == "" || info.At.Location() != time.UTC {
		t.Errorf("Info = %+v, want every field, in UTC", info)
	}
	if d := info.At.Sub(before); d < -time.Minute || d > time.Minute {
		t.Errorf("At is %v off; both clocks are this machine's", d)
	}
	if n := snap.Estimate(); n < 1000 || n > 10_000 {
		t.Errorf("Estimate = %d for 3,123 analysed rows", n)
	}
}

func TestSnapshotLeavesNoSession(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	src := open(t, config(url, "id", peopleSQL))
	noSessions(t, url) // Open keeps none
	snap, err := src.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	}
	noSessions(t, url)

	ctx, cancel := context.WithCancel(t.Context())
	if snap, err = src.Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := snap.Stream(t.Context(), func(document.Document) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Stream after the snapshot's context ended = %v, want %v", err, context.Canceled)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	noSessions(t, url)
}

func TestStreamExplainsALostSnapshot(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	snap := snapshot(t, open(t, config(url, "id", peopleSQL)))
	execSQL(t, url, "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	_, err := snap.Count(t.Context())
	if err == nil || !strings.Contains(err.Error(), "join snapshot "+snap.Info().Name) || !strings.Contains(adviceOf(err), "pooler") {
		t.Errorf("Count = %v, want the snapshot's name and what to do", err)
	}
}

// Ranges are cut once for a source; whatever rows come later are in one of them.
func TestLaterSnapshotsReadNewIDsEverywhere(t *testing.T) {
	t.Parallel()
	url := database(t, `CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item SELECT 10 * i FROM generate_series(1, 1000) i`)
	cfg := config(url, "id", "SELECT id FROM item")
	cfg.RangeDocuments, cfg.maxRangeBytes = 100, 50_000
	src := open(t, cfg)
	if docs, _ := mustLoad(t, src, 2); len(docs) != 1000 {
		t.Fatalf("%d documents, want 1000", len(docs))
	}
	execSQL(t, url, `DELETE FROM item WHERE id BETWEEN 3000 AND 6000;
		INSERT INTO item SELECT -i FROM generate_series(0, 4) i; INSERT INTO item VALUES (15);
		INSERT INTO item SELECT 20000 + i FROM generate_series(1, 2000) i`)
	docs, stats := mustLoad(t, src, 2)
	if want := 1000 - 301 + 5 + 1 + 2000; len(docs) != want {
		t.Errorf("%d documents, want %d", len(docs), want)
	}
	if stats.Cuts == 0 {
		t.Error("the last range was not cut; the test proves less than it should")
	}
}
