package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestTimesOfDaysWith23And25Hours(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		expression, zone, from string
		want                   []string // what the clock there shows
	}{
		"a night without 01:29 runs when the clock jumps": {
			"29 1 * * *", "Europe/London", "2026-03-28T12:00:00Z",
			[]string{"03-29 02:00 BST", "03-30 01:29 BST"},
		},
		"a night with two 01:29 runs at the first": {
			"29 1 * * *", "Europe/London", "2026-10-24T12:00:00Z",
			[]string{"10-25 01:29 BST", "10-26 01:29 GMT"},
		},
		"asked between the two 01:29, the next is tomorrow": {
			"29 1 * * *", "Europe/London", "2026-10-25T00:50:00Z",
			[]string{"10-26 01:29 GMT"},
		},
		"several times in the hour that is missing are one": {
			"*/20 1 * * *", "Europe/London", "2026-03-28T12:00:00Z",
			[]string{"03-29 02:00 BST", "03-30 01:00 BST"},
		},
		"every hour is 25 times on the long day": {
			"0 * * * *", "Europe/London", "2026-10-24T23:30:00Z",
			[]string{"10-25 01:00 BST", "10-25 01:00 GMT", "10-25 02:00 GMT"},
		},
		"every hour is 23 times on the short day": {
			"0 * * * *", "Europe/London", "2026-03-28T23:30:00Z",
			[]string{"03-29 00:00 GMT", "03-29 02:00 BST", "03-29 03:00 BST"},
		},
		"a day without midnight": {
			"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z",
			[]string{"11-04 01:00 -02", "11-05 00:00 -02"},
		},
		"a jump of half an hour": {
			"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
			[]string{"10-04 02:30 +11", "10-05 02:15 +11"},
		},
		"either of two days counts": {
			"0 3 1 * 1", "UTC", "2026-09-29T00:00:00Z",
			[]string{"10-01 03:00 UTC", "10-05 03:00 UTC"},
		},
		"the 29th of February": {
			"0 3 29 2 *", "UTC", "2026-09-29T00:00:00Z",
			[]string{"02-29 03:00 UTC"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loc := zone(t, test.zone)
			c, err := ParseCron(test.expression, loc)
			if err != nil {
				t.Fatal(err)
			}
			from, err := time.Parse(time.RFC3339, test.from)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range c.Times(from, len(test.want)) {
				got = append(got, at.In(loc).Format("01-02 15:04 MST"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever the zone does, a daily expression has one time for each date, and
// times only go forward.
func TestEachDateHasOneTime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/London", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Casablanca", "UTC"} {
		for _, expression := range []string{"29 1 * * *", "0 0 * * *", "30 2 * * *", "59 23 * * *"} {
			c, err := ParseCron(expression, zone(t, name))
			if err != nil {
				t.Fatal(err)
			}
			at := time.Date(2017, 12, 31, 0, 0, 0, 0, c.Zone)
			for range 366 * 3 {
				next := c.Next(at)
				if apart := next.Sub(at); apart < 21*time.Hour || apart > 27*time.Hour {
					if at.Year() > 2017 {
						t.Errorf("%s in %s: %s after %s", expression, name, next, at)
					}
				}
				at = next
			}
		}
	}
}

func TestParseCronRefuses(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		"", "1 2 3 4", "61 1 * * *", "0 0 30 2 *", "@every 5m", "@reboot", "CRON_TZ=UTC 1 1 * * *", "TZ=UTC 1 1 * * *", "1 1 * * * *",
	} {
		if _, err := ParseCron(expression, time.UTC); err == nil {
			t.Errorf("%q was taken", expression)
		}
	}
}
