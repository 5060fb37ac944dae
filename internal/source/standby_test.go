package source

import (
	"maps"
	"slices"
	"testing"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
)

// On a standby the text of a snapshot has only the oldest and the next transaction. An edit that is
// committed in between does not change it.
func TestSnapshotsOfAStandbyAreNeverTheSame(t *testing.T) {
	t.Parallel()
	primary := stacktest.OwnPostgres(t, devstack.PostgresOptions{})
	execSQL(t, primary.URL(), "CREATE TABLE item (id int); INSERT INTO item VALUES (1)")
	standby := stacktest.OwnPostgres(t, devstack.PostgresOptions{StandbyOf: primary})
	older, err := connectWriter(primary.URL()) // stays open, so that the oldest transaction stays the same
	if err != nil {
		t.Fatal(err)
	}
	defer older.Close(t.Context())
	edit, err := connectWriter(primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer edit.Close(t.Context())
	mustExec(t, older, "BEGIN; INSERT INTO item VALUES (2)")
	mustExec(t, edit, "BEGIN; INSERT INTO item VALUES (3)")
	execSQL(t, primary.URL(), "INSERT INTO item VALUES (4)")
	waitFor(t, standby.URL(), "SELECT EXISTS (SELECT FROM item WHERE id = 4)")

	for server, want := range map[string]bool{primary.URL(): false, standby.URL(): true} {
		if is, err := IsStandby(t.Context(), server); err != nil || is != want {
			t.Errorf("IsStandby = %t, %v, want %t", is, err, want)
		}
	}

	src := open(t, config(standby.URL(), "id", "SELECT id FROM item"))
	const text = "SELECT pg_current_snapshot()"
	textBefore := string(rowsOf(t, standby.URL(), text)[0][0])
	before := snapshot(t, src)
	mustExec(t, edit, "COMMIT")
	waitFor(t, standby.URL(), "SELECT EXISTS (SELECT FROM item WHERE id = 3)")
	after := snapshot(t, src)
	for snap, want := range map[*Snapshot][]string{before: {"1", "4"}, after: {"1", "3", "4"}} {
		docs, _, _, err := load(t.Context(), snap, 1)
		if ids := sortedIDs(docs); err != nil || !slices.Equal(ids, want) {
			t.Errorf("documents %v, %v; want %v", ids, err, want)
		}
	}
	if now := string(rowsOf(t, standby.URL(), text)[0][0]); now != textBefore {
		t.Logf("this server tells the snapshots apart: %s, %s", textBefore, now)
	}
	if a, b := before.Info(), after.Info(); a.State == b.State || !a.Standby || !b.Standby {
		t.Errorf("two snapshots that show different rows have one state: %+v, %+v", a, b)
	}
}

func sortedIDs(docs map[string]string) []string {
	return slices.Sorted(maps.Keys(docs))
}
