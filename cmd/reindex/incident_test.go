package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

// roundsEnv names the variable that says how often all start at once.
const roundsEnv = "REINDEX_TEST_ROUNDS"

func rounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(roundsEnv))
	switch {
	case os.Getenv(roundsEnv) == "":
		return 3
	case err != nil || n < 1:
		t.Fatalf("%s is %q, want a number", roundsEnv, os.Getenv(roundsEnv))
	}
	return n
}

// The winner is kept loading until the others have left, so that none of them
// starts after it has ended, however slow the machine is.
func TestOneOfEightRunsStartedAtOnceSwaps(t *testing.T) {
	t.Parallel()
	const documents = 3000
	d := notes()
	proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
	d.url = proxy.URL()
	p := newProject(t, notesDatabase(t, documents), d)
	live := p.rebuild(t)["index"]
	reader := p.read(t, documents)
	for round := range rounds(t) {
		proxy.Clear()
		loading := proxy.On(faultproxy.Rule{Method: http.MethodPost, Path: "/_bulk", Do: faultproxy.Hold})
		processes := p.startTogether(t, 8)
		winner, losers := sortOut(t, processes, loading)
		if t.Failed() {
			t.FailNow()
		}
		s := winner.summary(t)
		if s["previous"] != live {
			t.Errorf("round %d: the run swapped from %v, want %v", round, s["previous"], live)
		}
		live = s["index"]
		if got := p.carriers(t, p.alias); len(got) != 1 || got[0] != live {
			t.Errorf("round %d: the alias is on %v, want %v", round, got, live)
		}
		for _, loser := range losers {
			namesTheHolder(t, loser, winner)
		}
	}
	if seen := reader.stop(t); !slices.IsSorted(seen) || len(seen) > rounds(t)+1 {
		t.Errorf("the reader saw %v, want each index once, in order", seen)
	}
	p.equal(t, notesOracle)
	if states := p.status(t).states(); states["live"] != 1 || states["previous"] != 1 || len(states) != 2 {
		t.Errorf("generations %v, want one live and one previous", states)
	}
}

// startTogether starts n runs in the same instant, half of them as cron does,
// half as a container that restarts.
func (p *project) startTogether(t *testing.T, n int) []*process {
	t.Helper()
	processes := make([]*process, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range processes {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			trigger := []string{"scheduled", "restart"}[i%2]
			processes[i] = p.start(t, "run", "--json", "--trigger", trigger, "--workers", "1")
		})
	}
	done.Wait()
	return processes
}

// sortOut waits until all but one have left, lets that one go on, and wants
// the one to have swapped and the others to have met it.
func sortOut(t *testing.T, processes []*process, loading *faultproxy.Handle) (winner result, losers []result) {
	t.Helper()
	eventually(t, "all runs but one leave", func() bool {
		return len(slices.DeleteFunc(slices.Clone(processes), (*process).hasEnded)) <= 1
	})
	loading.Release()
	for _, p := range processes {
		r := p.wait(t)
		switch r.code {
		case exitOK:
			winner = r
		case exitLocked:
			losers = append(losers, r)
		default:
			t.Error(r)
		}
	}
	if len(losers) != len(processes)-1 {
		t.Errorf("%d of %d runs met another one", len(losers), len(processes))
	}
	return winner, losers
}

// namesTheHolder wants the message of status 11 to say who is at work.
func namesTheHolder(t *testing.T, loser, winner result) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	s := loser.summary(t)
	message := fmt.Sprint(s["error"])
	for _, want := range []string{
		"host " + host, fmt.Sprintf("pid %d", winner.pid), fmt.Sprintf("run %v", winner.summary(t)["run_id"]),
		fmt.Sprintf("trigger %v", winner.summary(t)["trigger"]),
	} {
		if !strings.Contains(message, want) {
			t.Errorf("the message does not say %q: %s", want, message)
		}
	}
	if s["outcome"] != "locked" {
		t.Errorf("outcome is %v, want locked", s["outcome"])
	}
}
