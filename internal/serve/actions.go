package serve

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/serve/jobs"
)

// action is something that an operator may start.
type action struct {
	Name, Label string
	About       string // one sentence
	Asks        bool   // it says first what will happen, and asks
}

// allActions are all there are, in the order of the page.
func allActions() []action {
	return []action{
		{Name: "run", Label: "Run now", About: "Build a fresh index and make it live. If another run is at work, it leaves and says so."},
		{Name: "stop", Label: "Stop the run", About: "End the run in order: its unfinished index is dropped, the lock released.", Asks: true},
		{Name: "verify", Label: "Verify", About: "Compare the live index with the database, document by document. Changes nothing."},
		{Name: "check", Label: "Check", About: "Look for what a run would stumble over. Changes nothing."},
		{Name: "repair", Label: "Repair", About: "Write and delete the documents that differ, without a rebuild.", Asks: true},
		{Name: "rollback", Label: "Roll back", About: "Make an earlier generation live again.", Asks: true},
		{Name: "prune", Label: "Prune", About: "Delete generations that nobody needs.", Asks: true},
		{Name: "unlock", Label: "Unlock", About: "Cut off the holder of the lock. A dead holder needs none of this.", Asks: true},
		{Name: "swap", Label: "Promote", About: "Make a finished build live that was left unswapped.", Asks: true},
	}
}

// actions are those that the program has.
func (s *Server) actions() []action {
	all := allActions()
	if !s.Promote {
		all = slices.DeleteFunc(all, func(a action) bool { return a.Name == "swap" })
	}
	return all
}

func (s *Server) actionNamed(name string) (action, bool) {
	for _, a := range s.actions() {
		if a.Name == name {
			return a, true
		}
	}
	return action{}, false
}

// requestError is a request that cannot be done as it is.
type requestError struct {
	status int
	text   string
}

func (e *requestError) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return &requestError{status: 400, text: fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &requestError{status: 409, text: fmt.Sprintf(format, args...)}
}

// flag is an option of run that a page may set.
type flag struct {
	Name, Label, Hint string
	valid             func(string) bool
}

func isDuration(s string) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d >= 0
}

func isCount(s string) bool {
	_, err := strconv.ParseUint(s, 10, 62)
	return err == nil
}

func isShrink(s string) bool {
	return regexp.MustCompile(`^(off|\d{1,3}(\.\d{1,4})?%)$`).MatchString(s)
}

func isBool(s string) bool { return s == "true" || s == "false" }

// runOptions are the options of run that a page may set.
func runOptions() []flag {
	return []flag{
		{"if-older-than", "Only if the live index is older than", "such as 20h", isDuration},
		{"lock-timeout", "Wait for another run to finish, at most", "such as 30m", isDuration},
		{"max-shrink", "Documents that may be missing", "such as 50%, or off", isShrink},
		{"max-failures", "Documents that may be rejected", "such as 10", isCount},
		{"allow-empty", "Let an index without documents go live", "", isBool},
		{"no-swap", "Build, and do not swap", "", isBool},
	}
}

// prepare makes the command of an action, if it makes sense now. expected are
// what the person was shown: an action on something else is refused.
func (s *Server) prepare(x *served, name string, form url.Values) ([]string, error) {
	v := x.watcher.View()
	if live := form.Get("expect_live"); live != "" && live != v.Status.Live {
		return nil, conflict("The live index is %s by now, and was %s when you were asked. Nothing was done; look again.", v.Status.Live, live)
	}
	switch name {
	case "run":
		return s.prepareRun(x, form)
	case "verify", "check", "prune":
		return s.Args(name, x.Name), nil
	case "repair":
		return append(s.Args("verify", x.Name), "--repair"), nil
	case "rollback":
		to := form.Get("to")
		if !isState(v.Status, to, esalias.StatePrevious) {
			return nil, conflict("%q is no generation that can be rolled back to.", to)
		}
		return append(s.Args("rollback", x.Name), "--to="+to), nil
	case "swap":
		to := form.Get("to")
		if !isState(v.Status, to, esalias.StateOrphan) {
			return nil, conflict("%q is no finished build that was left unswapped.", to)
		}
		return append(s.Args("swap", x.Name), to), nil
	case "unlock":
		token := form.Get("token")
		if !v.Status.Locked {
			return nil, conflict("The lock is free; there is nobody to cut off.")
		}
		if token != strconv.FormatInt(v.Status.Record.Token, 10) {
			return nil, conflict("The lock has token %d by now, and not %q. Nothing was done; look again.", v.Status.Record.Token, token)
		}
		return append(s.Args("unlock", x.Name), token), nil
	}
	return nil, &requestError{status: 404, text: "There is no such action."}
}

func (s *Server) prepareRun(x *served, form url.Values) ([]string, error) {
	args := append(s.Args("run", x.Name), "--trigger=manual")
	for _, f := range runOptions() {
		value := form.Get(f.Name)
		if value == "" {
			continue
		}
		if !f.valid(value) {
			return nil, badRequest("%s: %q is not understood.", f.Label, value)
		}
		args = append(args, "--"+f.Name+"="+value)
	}
	return args, nil
}

func isState(st esalias.Status, index, state string) bool {
	for _, g := range st.Generations {
		if g.Index == index && g.State == state {
			return true
		}
	}
	return false
}

// done is what an action led to.
type done struct {
	Job  *jobs.Job
	Text string
}

// act does an action for a person.
func (s *Server) act(ctx context.Context, x *served, name, by string, form url.Values) (done, error) {
	if name == "stop" {
		return s.actStop(ctx, x, by, form)
	}
	args, err := s.prepare(x, name, form)
	if err != nil {
		return done{}, err
	}
	job, err := s.Runner.Start(jobs.Command{Index: x.Name, Name: name, Args: args, By: by})
	if err != nil {
		if _, busy := errors.AsType[*jobs.BusyError](err); busy || errors.Is(err, jobs.ErrClosed) {
			return done{}, conflict("Not started: %s", err.Error())
		}
		return done{}, err
	}
	x.watcher.Soon()
	return done{Job: &job, Text: name + " is started"}, nil
}

func (s *Server) actStop(ctx context.Context, x *served, by string, form url.Values) (done, error) {
	v := x.watcher.View()
	_, here := s.Runner.Running(x.Name)
	runID := form.Get("run")
	switch {
	case !v.Status.Locked && !here:
		return done{}, conflict("Nothing is at work; there is nothing to stop.")
	case runID != "" && v.Status.Locked && runID != v.Status.Record.Holder.RunID:
		return done{}, conflict("Run %s holds the lock by now, and not %s. Nothing was done; look again.", v.Status.Record.Holder.RunID, runID)
	}
	text, err := s.stop(ctx, x, runID, by)
	if err != nil {
		return done{}, conflict("Not stopped: %s", err.Error())
	}
	x.watcher.Soon()
	return done{Text: text}, nil
}

// consequence says what an action will do, in the words of the page that asks.
// choices are what it can be done to.
func (s *Server) consequence(x *served, name, to string) (text string, hidden map[string]string, err error) {
	v := x.watcher.View()
	st := v.Status
	hidden = map[string]string{"expect_live": st.Live}
	switch name {
	case "stop":
		if !st.Locked {
			if job, ok := s.Runner.Running(x.Name); ok {
				return fmt.Sprintf("%s, pid %d, started by %s on this server, is sent SIGTERM.", job.Name, job.PID, job.By), hidden, nil
			}
			return "", nil, conflict("Nothing is at work; there is nothing to stop.")
		}
		h := st.Record.Holder
		hidden["run"] = h.RunID
		return fmt.Sprintf("Run %s on %s (%s, phase %s, %s of about %s documents) is asked to end: it drops its unfinished index and releases the lock. Readers go on seeing %s.",
			h.RunID, h.Host, h.Trigger, orDash(st.Record.Phase), number(st.Record.Documents), number(st.Record.Total), orNothing(st.Live)), hidden, nil
	case "repair":
		return fmt.Sprintf("The live index %s (%s documents) is compared with the database. What is missing or different is written, what is too much is deleted, unless a live writer has changed it meanwhile. The gates hold.",
			orNothing(st.Live), number(st.LiveDocuments)), hidden, nil
	case "prune":
		return s.consequencePrune(x, st), hidden, nil
	case "rollback", "swap":
		return consequenceSwap(st, name, to, hidden)
	case "unlock":
		if !st.Locked {
			return "", nil, conflict("The lock is free; there is nobody to cut off.")
		}
		h := st.Record.Holder
		hidden["token"] = strconv.FormatInt(st.Record.Token, 10)
		return fmt.Sprintf("Run %s on %s, pid %d (%s, phase %s), is cut off: it cannot swap any more, even if it has sent its swap already, and its work is lost. If it is dead, the next run takes over without this.",
			h.RunID, h.Host, h.PID, h.Trigger, orDash(st.Record.Phase)), hidden, nil
	}
	return "", nil, &requestError{status: 404, text: "There is no such action, or it does not ask."}
}

func (s *Server) consequencePrune(x *served, st esalias.Status) string {
	orphans, previous := 0, 0
	for _, g := range st.Generations {
		switch g.State {
		case esalias.StateOrphan:
			orphans++
		case esalias.StatePrevious:
			previous++
		}
	}
	return fmt.Sprintf("%d builds that were never made live are deleted, and %d generations that were: the newest %d of those stay for a rollback. A build left for promotion is deleted too. The live index %s is not touched.",
		orphans, max(0, previous-x.Keep), x.Keep, orNothing(st.Live))
}

func consequenceSwap(st esalias.Status, name, to string, hidden map[string]string) (string, map[string]string, error) {
	want := esalias.StatePrevious
	if name == "swap" {
		want = esalias.StateOrphan
	}
	for _, g := range st.Generations {
		if g.State != want || (to != "" && g.Index != to) {
			continue
		}
		if to == "" && name == "rollback" { // the newest that was live before
			for _, other := range st.Generations {
				if other.State == want && other.SwapToken > g.SwapToken {
					g = other
				}
			}
		}
		hidden["to"] = g.Index
		return fmt.Sprintf("%s documents (%s, live now) will be replaced by %s (%s, built %s). What live writers changed since then is not in it.",
			number(st.LiveDocuments), orNothing(st.Live), number(g.Documents), g.Index, g.CreatedAt.UTC().Format("2006-01-02 15:04 UTC")), hidden, nil
	}
	if name == "swap" {
		return "", nil, conflict("There is no finished build that was left unswapped.")
	}
	return "", nil, conflict("There is no earlier generation to roll back to.")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
