package history

import (
	"testing"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/pipeline"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	lease := func(runID, state string, renewed time.Duration) esalias.Record {
		return esalias.Record{
			Token: 7, State: state, Holder: esalias.Holder{RunID: runID}, RenewedAt: now.Add(-renewed), LeaseMS: 30_000,
		}
	}
	for name, test := range map[string]struct {
		outcome string
		phase   pipeline.Phase
		updated time.Duration // ago
		lease   esalias.Record
		want    string
	}{
		"an outcome stands":                                   {"swapped", "released", time.Hour, lease("other", "held", 0), "swapped"},
		"its holder is at work":                               {Running, "created", time.Second, lease("mine", "held", time.Second), Running},
		"its holder renews but its history is cut off":        {Running, "created", time.Hour, lease("mine", "held", time.Second), Running},
		"its history is written but its lease is not renewed": {Running, "created", time.Second, lease("mine", "held", time.Hour), Running},
		"nothing was heard from its holder":                   {Running, "created", time.Hour, lease("mine", "held", time.Hour), Died},
		"it has released a moment ago":                        {Running, "swapped", time.Second, lease("mine", "free", time.Second), Running},
		"it was cut off or killed at its end":                 {Running, "swapped", time.Hour, lease("mine", "free", time.Hour), Died},
		"another run took over a moment ago":                  {Running, "created", 0, lease("other", "held", 0), Died},
		"another run has been and gone":                       {Running, "created", 0, lease("other", "free", 0), Died},
		"it waits for the lock":                               {Running, "", time.Second, lease("other", "held", 0), Waiting},
		"it was killed while it waited":                       {Running, "", time.Hour, lease("other", "held", 0), Died},
		"there is no lease and it was heard of":               {Running, "created", time.Second, esalias.Record{}, Running},
		"there is no lease and it was not heard of":           {Running, "created", time.Hour, esalias.Record{}, Died},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Record{RunID: "mine", Outcome: test.outcome, Phase: test.phase, Updated: now.Add(-test.updated)}
			if got := Judge(r, test.lease, now); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	rate, left := Record{Acknowledged: 990, Failed: 10, LoadMS: 2000, Estimate: 3000}.Rate()
	if rate != 500 || left != 4*time.Second {
		t.Errorf("got %v and %s, want 500 and 4s", rate, left)
	}
	if rate, left := (Record{Estimate: 3000}).Rate(); rate != 0 || left != 0 {
		t.Errorf("got %v and %s of a run that has loaded nothing", rate, left)
	}
}
