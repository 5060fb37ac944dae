package schedule

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nightly is a plan for 01:29 in UTC.
func nightly(t *testing.T, index string) Plan {
	t.Helper()
	c, err := ParseCron("29 1 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return Plan{Index: index, Cron: c}
}

// diary keeps a schedule on a clock that a test moves.
type diary struct {
	*Scheduler

	mu     sync.Mutex
	starts []string
	set    time.Duration // by how much the clock was set
	age    time.Duration
	known  bool
	takes  time.Duration // a run
	most   int           // runs at once
	now    int
}

func newDiary(plans ...Plan) *diary {
	d := &diary{known: true}
	d.Scheduler = &Scheduler{
		Plans: plans,
		Run: func(ctx context.Context, s Start) {
			d.mu.Lock()
			d.starts = append(d.starts, s.Index+" "+s.Trigger+" "+d.clock().Format("02 15:04"))
			d.now++
			d.most = max(d.most, d.now)
			d.mu.Unlock()
			sleep(ctx, d.takes)
			d.mu.Lock()
			d.now--
			d.mu.Unlock()
		},
		Age: func(string) (time.Duration, bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.age, d.known
		},
		Now: func() time.Time {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.clock()
		},
	}
	return d
}

func (d *diary) clock() time.Time { return time.Now().Add(d.set).UTC() }

func (d *diary) change(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}

// The clock of a bubble begins at midnight of 2000-01-01.
func TestScheduler(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plan  func(p *Plan)
		do    func(d *diary)
		twice bool // two indices
		want  []string
		most  int
	}{
		"each night once": {
			do:   func(*diary) { time.Sleep(48 * time.Hour) },
			want: []string{"a scheduled 01 01:29", "a scheduled 02 01:29"}, most: 1,
		},
		"two indices one after the other": {
			do: func(d *diary) { d.change(func() { d.takes = time.Hour }); time.Sleep(24 * time.Hour) }, twice: true,
			want: []string{"a scheduled 01 01:29", "a scheduled 01 02:29"}, most: 1,
		},
		"a machine that slept through the time is late, and not twice": {
			do: func(d *diary) {
				time.Sleep(time.Hour)
				d.change(func() { d.set += 5 * time.Hour })
				time.Sleep(time.Hour)
			},
			want: []string{"a scheduled 01 06:00"}, most: 1,
		},
		"a clock that is set back does not run the night again": {
			do: func(d *diary) {
				time.Sleep(2 * time.Hour)
				d.change(func() { d.set -= time.Hour })
				time.Sleep(20 * time.Hour)
			},
			want: []string{"a scheduled 01 01:29"}, most: 1,
		},
		"a clock that was a year ahead": {
			do: func(d *diary) {
				d.change(func() { d.set = 365 * 24 * time.Hour })
				time.Sleep(time.Hour)
				d.change(func() { d.set = 0 })
				time.Sleep(time.Hour)
			},
			want: []string{"a scheduled 01 01:29"}, most: 1,
		},
		"on start": {
			plan: func(p *Plan) { p.OnStart = true },
			do:   func(*diary) { time.Sleep(time.Hour) },
			want: []string{"a restart 01 00:00"}, most: 1,
		},
		"a missed time is made up for": {
			plan: func(p *Plan) { p.IfOlderThan = 20 * time.Hour },
			do:   func(*diary) { time.Sleep(time.Hour) },
			want: []string{"a restart 01 00:00"}, most: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := nightly(t, "a")
				if test.plan != nil {
					test.plan(&p)
				}
				plans := []Plan{p}
				if test.twice {
					plans = append(plans, p)
				}
				d := newDiary(plans...)
				d.age = 30 * time.Hour
				ctx, cancel := context.WithCancel(t.Context())
				var all sync.WaitGroup
				all.Go(func() { d.Keep(ctx) })
				test.do(d)
				synctest.Wait()
				cancel()
				all.Wait()
				if diff := cmp.Diff(test.want, d.starts); diff != "" {
					t.Error(diff)
				}
				if d.most != test.most {
					t.Errorf("%d runs at once, want %d", d.most, test.most)
				}
			})
		})
	}
}

func TestAMissedTimeWaitsUntilTheAgeIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for age, want := range map[time.Duration]int{30 * time.Hour: 1, time.Hour: 0} {
			p := nightly(t, "a")
			p.IfOlderThan = 20 * time.Hour
			d := newDiary(p)
			d.known, d.age = false, age
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { d.Keep(ctx) })
			time.Sleep(10 * time.Minute)
			d.change(func() {
				if len(d.starts) > 0 {
					t.Errorf("started although nothing was known: %v", d.starts)
				}
				d.known = true
			})
			time.Sleep(time.Minute)
			cancel()
			all.Wait()
			if len(d.starts) != want {
				t.Errorf("age %s: started %v", age, d.starts)
			}
		}
	})
}
