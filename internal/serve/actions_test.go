package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/serve/auth"
	"example.com/reindex/internal/serve/board"
	"example.com/reindex/internal/serve/jobs"
)

// ended waits for the last job and returns it.
func (s *site) ended(t *testing.T) jobs.Job {
	t.Helper()
	var last jobs.Job
	eventually(t, "a job has ended", func() bool {
		all := s.Runner.Jobs("persons")
		if len(all) == 0 || all[0].Running() {
			return false
		}
		last = all[0]
		return true
	})
	return last
}

func TestActionsStartTheCommandOfThePerson(t *testing.T) {
	t.Parallel()
	u, operator, _ := users(t)
	s := newSite(t, persons(), &auth.Gate{Users: u})
	for name, test := range map[string]struct{ path, body, want string }{
		"run":                {"/runs", "", "run persons --json --trigger=manual"},
		"run with options":   {"/runs", `{"max-shrink":"50%","no-swap":true,"max-failures":3}`, "run persons --json --trigger=manual --max-shrink=50% --max-failures=3 --no-swap=true"},
		"verify":             {"/verify", "", "verify persons --json"},
		"repair":             {"/repair", `{"expect_live":"persons-000002"}`, "verify persons --json --repair"},
		"rollback":           {"/rollback", `{"to":"persons-000001"}`, "rollback persons --json --to=persons-000001"},
		"promote":            {"/swap", `{"to":"persons-000003"}`, "swap persons --json persons-000003"},
		"prune":              {"/prune", "", "prune persons --json"},
		"check":              {"/check", "{}", "check persons --json"},
		"run with a newline": {"/runs", "{\n}", "run persons --json --trigger=manual"},
	} {
		got := s.do(t, "POST", "/api/v1/indices/persons"+test.path, test.body, "Authorization", operator)
		if got.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", name, got.status, got.body)
			continue
		}
		var summary struct{ Args, Actor string }
		if err := json.Unmarshal(s.ended(t).Summary, &summary); err != nil {
			t.Fatal(err)
		}
		if summary.Args != test.want || summary.Actor != "deploy" {
			t.Errorf("%s: %q for %q, want %q for deploy", name, summary.Args, summary.Actor, test.want)
		}
	}
}

func TestActionsOnAnotherStateAreRefused(t *testing.T) {
	t.Parallel()
	reader := persons()
	s := newSite(t, reader, &auth.Gate{Open: true})
	for name, test := range map[string]struct{ path, body string }{
		"a rollback to the live index":        {"/rollback", `{"to":"persons-000002"}`},
		"a rollback to an unfinished build":   {"/rollback", `{"to":"persons-000003"}`},
		"a rollback to an index of others":    {"/rollback", `{"to":"users-000001"}`},
		"a rollback to a flag":                {"/rollback", `{"to":"--config=/etc/passwd"}`},
		"a promotion of an earlier one":       {"/swap", `{"to":"persons-000001"}`},
		"an unlock of a free lock":            {"/unlock", `{"token":3}`},
		"a stop of nothing":                   {"/stop", ""},
		"a repair of what was live before":    {"/repair", `{"expect_live":"persons-000001"}`},
		"a rollback after another swap":       {"/rollback", `{"to":"persons-000001","expect_live":"persons-000009"}`},
		"a prune after another swap":          {"/prune", `{"expect_live":"persons-000009"}`},
		"a run, shown something else as live": {"/runs", `{"expect_live":"persons-000009"}`},
	} {
		if got := s.do(t, "POST", "/api/v1/indices/persons"+test.path, test.body); got.status != http.StatusConflict {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	reader.lock("blue", 17)
	s.look(t)
	for name, test := range map[string]struct{ path, body string }{
		"an unlock with an old token":    {"/unlock", `{"token":3}`},
		"an unlock without a token":      {"/unlock", ``},
		"a stop of the run before":       {"/stop", `{"run":"runthreexxxx"}`},
		"an unlock with a flag as token": {"/unlock", `{"token":"--help"}`},
	} {
		if got := s.do(t, "POST", "/api/v1/indices/persons"+test.path, test.body); got.status != http.StatusConflict {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if all := s.Runner.Jobs(""); len(all) > 0 {
		t.Errorf("%d jobs were started", len(all))
	}
}

func TestNoSecondStartWhileOneIsRunningHere(t *testing.T) {
	t.Parallel()
	s := newSite(t, persons(), &auth.Gate{Open: true}, func(o *Options) { o.Runner.Env = []string{childVariable + "=wait"} })
	if got := s.do(t, "POST", "/api/v1/indices/persons/runs", ""); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.do(t, "POST", "/api/v1/indices/persons/runs", ""); got.status != http.StatusConflict || !strings.Contains(got.body, "pid") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := s.do(t, "POST", "/api/v1/indices/persons/stop", ""); got.status != http.StatusAccepted {
		t.Errorf("%d %s", got.status, got.body)
	}
	if j := s.ended(t); j.Signal != "terminated" || j.Stopped != "local" {
		t.Errorf("ended by %q, stopped by %q", j.Signal, j.Stopped)
	}
}

// A run on another server is stopped by the server there.
func TestAStopReachesTheOtherServer(t *testing.T) {
	t.Parallel()
	reader := persons()
	green := newSite(t, reader, &auth.Gate{Open: true})
	blue := newSite(t, reader, &auth.Gate{Open: true}, func(o *Options) { o.Host, o.Runner.Env = "blue", []string{childVariable + "=wait"} })
	if got := blue.do(t, "POST", "/api/v1/indices/persons/runs", ""); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	job, _ := blue.Runner.Running("persons")
	reader.lock("blue", job.PID)
	green.look(t)
	if got := green.do(t, "POST", "/api/v1/indices/persons/stop", `{"run":"runfourxxxxx"}`); got.status != http.StatusAccepted || !strings.Contains(got.body, "blue") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	blue.look(t)
	if j := blue.ended(t); j.Signal != "terminated" {
		t.Errorf("ended by %q", j.Signal)
	}
}

func TestDangerousActionsSayWhatWillHappen(t *testing.T) {
	t.Parallel()
	reader := persons()
	s := newSite(t, reader, &auth.Gate{Open: true})
	reader.lock("blue", 17)
	s.look(t)
	for action, want := range map[string]string{
		"rollback": "31,719 documents (persons-000002, live now) will be replaced by 100 (persons-000001",
		"swap":     "31,719 documents (persons-000002, live now) will be replaced by 5 (persons-000003",
		"unlock":   "Run runfourxxxxx on blue, pid 17",
		"stop":     "10 of about 100 documents",
		"prune":    "1 builds that were never made live",
		"repair":   "The live index persons-000002 (31,719 documents)",
	} {
		got := s.do(t, "GET", "/i/persons/confirm/"+action, "")
		if got.status != 200 || !strings.Contains(got.body, want) || !strings.Contains(got.body, `name="confirmed"`) {
			t.Errorf("%s: %d, and %q is not in %s", action, got.status, want, got.body)
		}
	}
}

// What cannot be seen is never shown as empty.
func TestWhatIsAwayIsNotEmpty(t *testing.T) {
	t.Parallel()
	reader := persons()
	reader.err = errAway
	s := newSite(t, reader, &auth.Gate{Open: true})
	if got := s.do(t, "GET", "/api/v1/indices/persons/runs", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("runs that were never seen: %d %s", got.status, got.body)
	}
	if got := s.do(t, "GET", "/readyz", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("ready: %d", got.status)
	}
	var index map[string]any
	if err := json.Unmarshal([]byte(s.do(t, "GET", "/api/v1/indices/persons", "").body), &index); err != nil {
		t.Fatal(err)
	}
	if index["seen_at"] != nil || index["lock"] != nil || index["live"] != nil || index["problem"] == nil {
		t.Errorf("%v", index)
	}
	if page := s.do(t, "GET", "/", "").body; !strings.Contains(page, "does not answer since") || strings.Contains(page, "Free.") {
		t.Error("the page does not say that nothing is known")
	}

	reader.set(func(r *scripted) { r.err = nil })
	s.look(t)
	reader.set(func(r *scripted) { r.err = errAway })
	s.look(t)
	page := s.do(t, "GET", "/i/persons", "").body
	for _, want := range []string{"Shown is what was known at", "31,719", "runtwoxxxxxx"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if got := s.do(t, "GET", "/healthz", ""); got.status != 200 {
		t.Errorf("healthy: %d", got.status) // a restart would not bring Elasticsearch back
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, test := range map[string]struct {
		change func(r *scripted)
		level  string
		text   string
	}{
		"all is well":         {func(r *scripted) { r.runs = r.runs[1:] }, levelOK, "31,719 documents are live"},
		"the last run failed": {func(*scripted) {}, levelWarn, "ended with failed"},
		"a run is at work":    {func(r *scripted) { r.runs = r.runs[1:] }, levelBusy, "A run on blue is at work, phase created, 10 %"},
		"nothing is live":     {func(r *scripted) { r.status.Live, r.status.Generations, r.runs = "", nil, nil }, levelWarn, "Nothing is live yet"},
		"another server is dead": {func(r *scripted) {
			r.board.Servers = []board.Server{{Host: "blue", Seen: now.Add(-time.Minute), Every: 10_000}}
		}, levelWarn, "blue was last heard"},
		"the alias is in a shape": {func(r *scripted) {
			r.status.Shape = &esalias.ShapeError{Alias: "persons", Problem: "is on two indices"}
		}, levelBad, "two indices"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader := persons()
			reader.set(test.change)
			if test.level == levelBusy {
				reader.lock("blue", 1)
			}
			s := newSite(t, reader, &auth.Gate{Open: true})
			for _, v := range s.indexView(s.order[0]).Verdicts {
				if v.Level == test.level && strings.Contains(v.Text, test.text) {
					return
				}
			}
			t.Errorf("%s %q is not in %+v", test.level, test.text, s.indexView(s.order[0]).Verdicts)
		})
	}
}
