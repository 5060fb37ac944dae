package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

func TestIfOlderThan(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 10), notes())
	first := p.rebuild(t, "--if-older-than", "1h") // there is none yet
	s := p.succeed(t, "run", "--json", "--if-older-than", "1h").summary(t)
	if s["outcome"] != "skipped" || s["index"] != first["index"] || s["token"] != first["token"] {
		t.Errorf("summary %v, want the skipped %v", s, first["index"])
	}
	if r := p.succeed(t, "run", "--if-older-than", "1h"); !strings.Contains(r.stdout, "skipped, the live "+fmt.Sprint(first["index"])+" is young enough") {
		t.Error(r)
	}
	if s := p.rebuild(t, "--if-older-than", "1ns"); s["previous"] != first["index"] {
		t.Errorf("summary %v, want a swap from %v", s, first["index"])
	}
}

func TestCompressedRunsLoadTheSame(t *testing.T) {
	t.Parallel()
	db := notesDatabase(t, 500)
	p := newProject(t, db, notes())
	if s := p.rebuild(t, "--compression", "gzip"); s["acknowledged"] != 500.0 {
		t.Errorf("summary %v, want 500 documents", s)
	}
	p.succeed(t, "verify")
}

func TestLockTimeout(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		args    []string
		end     syscall.Signal // of the first run; 0: it goes on
		outcome string
	}{
		{name: "waits for the holder and runs", outcome: "swapped"},
		{name: "waits for the holder and finds its index young enough", args: []string{"--if-older-than", "1h"}, outcome: "skipped"},
		{name: "waits for a holder that is interrupted", end: syscall.SIGTERM, outcome: "swapped"},
		{name: "takes over from a holder that was killed", end: syscall.SIGKILL, outcome: "swapped"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
			d := notes()
			d.url = proxy.URL()
			if test.end == syscall.SIGKILL {
				d.lease = shortLease
			}
			p := newProject(t, notesDatabase(t, 10), d)
			loading := proxy.On(faultproxy.Rule{Path: bulkPath, Nth: 1, Do: faultproxy.Hold})
			first := p.start(t, "run", "--json")
			loading.Await(t)

			watching := proxy.On(faultproxy.Rule{Method: http.MethodGet, Path: "/_doc/lock", Nth: 5, Do: faultproxy.Duplicate})
			second := p.start(t, append([]string{"run", "--json", "--lock-timeout", "10m"}, test.args...)...)
			watching.Await(t) // the second one waits
			if test.end != 0 {
				first.signal(t, test.end)
			}
			loading.Release()
			r := second.wait(t)
			if r.code != 0 || r.summary(t)["outcome"] != test.outcome {
				t.Fatalf("want %s, got %s", test.outcome, r)
			}
			ended := first.wait(t)
			if test.end == 0 && ended.summary(t)["outcome"] != "swapped" {
				t.Errorf("the first run: %s", ended)
			}
			p.isTidy(t, r.summary(t))
		})
	}
}

func TestInterruptedWhileWaitingForTheLock(t *testing.T) {
	t.Parallel()
	proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
	d := notes()
	d.url = proxy.URL()
	p := newProject(t, notesDatabase(t, 10), d)
	loading := proxy.On(faultproxy.Rule{Path: bulkPath, Nth: 1, Do: faultproxy.Hold})
	first := p.start(t, "run")
	loading.Await(t)
	watching := proxy.On(faultproxy.Rule{Method: http.MethodGet, Path: "/_doc/lock", Nth: 5, Do: faultproxy.Duplicate})
	second := p.start(t, "run", "--lock-timeout", "10m")
	watching.Await(t)
	second.signal(t, syscall.SIGINT)
	wantRefused(t, second.wait(t), 130, []string{"interrupted by SIGINT"})
	loading.Release()
	if r := first.wait(t); r.code != 0 {
		t.Errorf("the holder was disturbed: %s", r)
	}
}

func TestNoSwapLeavesTheFinishedIndexForALook(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 10), notes())
	live := p.rebuild(t)
	s := p.succeed(t, "run", "--json", "--no-swap").summary(t)
	if s["outcome"] != "built" || s["documents"] != 10.0 {
		t.Errorf("summary %v", s)
	}
	if got := p.carriers(t, p.alias); len(got) != 1 || got[0] != live["index"] {
		t.Errorf("the alias is on %v, want %v", got, live["index"])
	}
	if got := p.documents(t, fmt.Sprint(s["index"])); len(got) != 10 {
		t.Errorf("the index has %d documents", len(got))
	}
	p.lockIsFree(t)
	wantRefused(t, p.run(t, "rollback", "--to", fmt.Sprint(s["index"])), 10, []string{"never live"})
	next := p.rebuild(t)
	if fmt.Sprint(next["retired"]) != fmt.Sprintf("[%v]", s["index"]) {
		t.Errorf("the next run retired %v, want %v", next["retired"], s["index"])
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	db := notesDatabase(t, 10)
	for keep := range 3 {
		t.Run(fmt.Sprintf("%d generations", keep), func(t *testing.T) {
			t.Parallel()
			p := newProject(t, db, notes())
			var built []string
			for range keep + 2 {
				built = append(built, fmt.Sprint(p.rebuild(t, "--keep", "9")["index"]))
			}
			s := p.rebuild(t, "--keep", fmt.Sprint(keep))
			states := p.status(t).states()
			if states["live"] != 1 || states["previous"] != keep || len(p.status(t).Generations) != keep+1 {
				t.Errorf("generations %v, want one live and %d previous", states, keep)
			}
			// The newest of those that go, first.
			if want := fmt.Sprintf("[%s %s]", built[1], built[0]); fmt.Sprint(s["retired"]) != want {
				t.Errorf("retired %v, want %s", s["retired"], want)
			}
		})
	}
}

func TestRollbackAndPrune(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 10), notes())
	wantRefused(t, p.run(t, "rollback"), 10, []string{"no earlier generation"})
	var index []string
	for n := range 3 {
		sqlExec(t, p.db, fmt.Sprintf("UPDATE note SET title = 'build %d'", n))
		index = append(index, fmt.Sprint(p.rebuild(t, "--keep", "9")["index"]))
	}
	title := func() any { return p.documents(t, p.alias)["2"].(map[string]any)["title"] } //nolint:forcetypeassert // a test

	s := p.succeed(t, "rollback", "--json").summary(t)
	if s["index"] != index[1] || s["previous"] != index[2] || title() != "build 1" {
		t.Errorf("rolled back to %v from %v, title %v", s["index"], s["previous"], title())
	}
	r := p.succeed(t, "rollback", "--to", index[0])
	if !strings.Contains(r.stdout, "rolled back to "+index[0]) || title() != "build 0" {
		t.Errorf("title %v: %s", title(), r)
	}
	wantRefused(t, p.run(t, "rollback", "--to", index[0]), 1, []string{"is live already"})
	wantRefused(t, p.run(t, "rollback", "--to", "elsewhere-000001"), 10, []string{"no such index of this alias"})

	// The newest that were live are kept, by when they were live last.
	r = p.succeed(t, "prune", "--keep", "1", "--dry-run")
	if !strings.Contains(r.stdout, "would delete "+index[2]) || !strings.Contains(r.stdout, "kept "+index[1]) {
		t.Error(r)
	}
	if got := p.indices(t, p.alias+"-0*"); len(got) != 3 {
		t.Errorf("a dry run left %v", got)
	}
	s = p.succeed(t, "prune", "--keep", "1", "--json").summary(t)
	if fmt.Sprint(s["deleted"]) != fmt.Sprint([]string{index[2]}) || fmt.Sprint(s["kept"]) != fmt.Sprint([]string{index[1]}) {
		t.Errorf("summary %v", s)
	}
	if title() != "build 0" {
		t.Errorf("title %v after pruning", title())
	}
	p.lockIsFree(t)
	p.isTidy(t, p.rebuild(t))
	if title() != "build 2" {
		t.Errorf("title %v after the next run", title())
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
	d := notes()
	d.url = proxy.URL()
	p := newProject(t, notesDatabase(t, 10), d)
	if r := p.succeed(t, "unlock"); !strings.Contains(r.stdout, "the lock is free") {
		t.Error(r)
	}
	wantRefused(t, p.run(t, "unlock", "900"), 2, []string{"the lock is free: nobody holds it; token 900 does not"})
	swapping := proxy.On(faultproxy.Rule{Method: http.MethodPost, Path: "^/_aliases", Body: `\.swap-`, Nth: 1, Do: faultproxy.Late})
	running := p.start(t, "run")
	swapping.Await(t)
	token := p.status(t).Lock.Token

	wantRefused(t, p.run(t, "rollback"), 11, []string{"is locked by another run", fmt.Sprintf("pid %d", running.PID())})
	wantRefused(t, p.run(t, "unlock"), 11, []string{"is locked by another run", fmt.Sprintf("pid %d", running.PID())})
	wantRefused(t, p.run(t, "unlock", fmt.Sprint(token+1)), 2, []string{fmt.Sprintf("token %d does not hold the lease, %d does", token+1, token)})
	wantRefused(t, p.run(t, "unlock", "0x1"), 2, []string{`TOKEN is "0x1"`})
	r := p.succeed(t, "unlock", fmt.Sprint(token))
	if !strings.Contains(r.stdout, fmt.Sprintf("pid %d (token %d) is cut off", running.PID(), token)) {
		t.Error(r)
	}
	swapping.Release()
	swapping.AwaitDone(t)
	if r := running.wait(t); r.code != 13 { // its swap was on its way
		t.Errorf("want exit status 13, got %s", r)
	}
	if s := p.status(t); s.Live != nil {
		t.Errorf("%s is live, swapped in by a run that was cut off", s.Live.Index)
	}
	p.isTidy(t, p.rebuild(t))
}
