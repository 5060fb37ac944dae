package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/esalias"
)

func TestAlarms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 8, 21, 0, 0, time.UTC)
	fresh := func() esalias.Status {
		return esalias.Status{
			Live: "persons-000041", Locked: true,
			Record: esalias.Record{Since: now.Add(-10 * time.Minute), Holder: esalias.Holder{RunID: "abcdefghijkl", Host: "green"}},
			Generations: []esalias.Generation{
				{Index: "persons-000040", CreatedAt: now.Add(-100 * time.Hour)},
				{Index: "persons-000041", CreatedAt: now.Add(-time.Hour), Meta: esalias.Meta{SnapshotAt: now.Add(-time.Hour).Format(time.RFC3339Nano)}},
			},
		}
	}
	for name, test := range map[string]struct {
		change func(*esalias.Status)
		want   []alarm
	}{
		"all is well": {func(*esalias.Status) {}, []alarm{}},
		"an old snapshot in an index made just now": {
			func(s *esalias.Status) {
				s.Generations[1].Meta.SnapshotAt = now.Add(-30 * time.Hour).Format(time.RFC3339Nano)
			},
			[]alarm{{"max_age", "the live index persons-000041 shows the source as of 2026-11-23T02:21:00Z, 30h0m0s ago, more than --max-age 26h0m0s"}},
		},
		"an old index that does not say": {
			func(s *esalias.Status) {
				s.Generations[1].Meta, s.Generations[1].CreatedAt = esalias.Meta{}, now.Add(-27*time.Hour)
			},
			[]alarm{{"max_age", "the live index persons-000041 was created 2026-11-23T05:21:00Z, 27h0m0s ago, more than --max-age 26h0m0s"}},
		},
		"an earlier generation is live": {
			func(s *esalias.Status) { s.Live = "persons-000040" },
			[]alarm{{"max_age", "the live index persons-000040 was created 2026-11-20T04:21:00Z, 100h0m0s ago, more than --max-age 26h0m0s"}},
		},
		"nothing is live": {func(s *esalias.Status) { s.Live = "" }, []alarm{{"max_age", "no index is live"}}},
		"somebody else's index is live": {
			func(s *esalias.Status) { s.Live = "old" },
			[]alarm{{"max_age", "the live index old is not a generation of this program, so its age is not known"}},
		},
		"a run takes too long": {
			func(s *esalias.Status) { s.Record.Since = now.Add(-2 * time.Hour) },
			[]alarm{{"max_run", "run abcdefghijkl on green has held the lock for 2h0m0s, more than --max-run 1h0m0s"}},
		},
		"a run took long and is over": {
			func(s *esalias.Status) { s.Record.Since, s.Locked = now.Add(-2*time.Hour), false }, []alarm{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fresh()
			test.change(&s)
			limits := alarmLimits{age: 26 * time.Hour, run: time.Hour}
			if diff := cmp.Diff(test.want, limits.check(s, now)); diff != "" {
				t.Error(diff)
			}
			if off := (&alarmLimits{}).check(s, now); len(off) != 0 {
				t.Errorf("without limits: %v", off)
			}
		})
	}
}
