package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

// holdDocuments holds back the documents of runs, which go on renewing their lock.
func holdDocuments() faultproxy.Rule {
	return faultproxy.Rule{Method: http.MethodPost, Path: bulkPath, Do: faultproxy.Hold}
}

// servedProject has notes, and a proxy before Elasticsearch.
func servedProject(t *testing.T, more string) (*project, *faultproxy.Proxy) {
	t.Helper()
	proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
	d := notes()
	d.url, d.more = proxy.URL(), more
	return newProject(t, notesDatabase(t, 500), d), proxy
}

// What a person on call does, on two servers at once, with a real browser.
func TestServeInABrowser(t *testing.T) {
	t.Parallel()
	p, proxy := servedProject(t, "")
	p.rebuild(t)
	blue, green := p.serve(t), p.serve(t)
	onBlue := browser(t)
	onGreen := onBlue.another(t)
	index := "/i/" + p.alias

	// Keyboard only: a run is started on blue, and green shows it by itself.
	held := proxy.On(holdDocuments())
	onGreen.open(t, green.url+index)
	onGreen.sees(t, "All is well")
	onBlue.open(t, blue.url+index)
	onBlue.sees(t, "All is well")
	onBlue.tabTo(t, "Run now")
	onBlue.do(t, chromedp.KeyEvent(kb.Enter))
	held.Await(t)
	onGreen.sees(t, "is at work")
	onGreen.shot(t, "index-at-work")
	onBlue.sees(t, "is at work")
	if s := green.index(t, p.alias); s.Lock == nil || s.Lock.Holder.User != "local" {
		t.Errorf("the lock does not say who started the run: %+v", s.Lock)
	}

	// No second one here, and it is said.
	onBlue.press(t, "Run now")
	onBlue.sees(t, "is at work here already")
	onBlue.open(t, blue.url+index)

	// A stop on green, which did not start it.
	onGreen.press(t, "Stop the run")
	onGreen.sees(t, "What will happen")
	onGreen.shot(t, "confirm-stop")
	onGreen.press(t, "Stop the run")
	onGreen.sees(t, "SIGTERM")
	onGreen.open(t, green.url+index)
	onGreen.sees(t, "ended with failed")
	proxy.Clear()
	if live := green.live(t, p.alias); live != p.alias+"-000001" {
		t.Errorf("%s is live after a stop", live)
	}

	// Without script: a run, and its page.
	onBlue.do(t, emulation.SetScriptExecutionDisabled(true))
	onBlue.open(t, blue.url+index)
	onBlue.do(t, chromedp.Click(`//main//button[normalize-space()="Run now"]`, chromedp.BySearch))
	eventually(t, "the run without script has swapped", func() bool { return blue.live(t, p.alias) == p.alias+"-000003" })
	onBlue.do(t, emulation.SetScriptExecutionDisabled(false))

	// Back, on green; blue shows it by itself.
	onBlue.open(t, blue.url+index)
	onGreen.open(t, green.url+index)
	onGreen.sees(t, p.alias+"-000003")
	onGreen.press(t, "Roll back")
	onGreen.sees(t, "500 documents ("+p.alias+"-000003, live now) will be replaced by 500 ("+p.alias+"-000001")
	onGreen.shot(t, "confirm-rollback")
	onGreen.press(t, "Roll back")
	onGreen.sees(t, "exit status 0")
	eventually(t, "blue sees the rollback", func() bool { return blue.live(t, p.alias) == p.alias+"-000001" })
	onBlue.sees(t, p.alias+"-000001")

	// Every page, at three widths, dark and light.
	last := green.index(t, p.alias).LastRun
	for _, look := range []struct {
		width int64
		dark  bool
	}{{320, false}, {320, true}, {768, false}, {1280, false}, {1280, true}} {
		onGreen.size(t, look.width, 900, look.dark)
		for name, path := range map[string]string{"overview": "/", "index": index, "run": index + "/runs/" + last.RunID, "confirm": index + "/confirm/prune"} {
			onGreen.open(t, green.url+path)
			onGreen.fits(t, look.width)
			onGreen.shot(t, fmt.Sprintf("%s-%d%s", name, look.width, map[bool]string{true: "-dark"}[look.dark]))
		}
	}
	onGreen.labelled(t)

	// Refused on purpose, so the console said 409 for it.
	for len(onBlue.complaints) > 0 {
		if text := <-onBlue.complaints; !strings.Contains(text, "status of 409") {
			t.Errorf("the console says: %s", text)
		}
	}
}

// tabTo presses the Tab key until the element with the text has the focus.
func (b *tab) tabTo(t *testing.T, label string) {
	t.Helper()
	for range 200 {
		var text string
		b.do(t, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`document.activeElement.innerText || ""`, &text))
		if strings.TrimSpace(text) == label {
			return
		}
	}
	t.Fatalf("the Tab key never came to %q", label)
}

// labelled wants what a screen reader needs of the page with everything on it.
func (b *tab) labelled(t *testing.T) {
	t.Helper()
	var faults []string
	b.do(t, chromedp.Evaluate(`[
		...[...document.querySelectorAll("input:not([type=hidden]), select")].filter(e => !e.labels.length).map(e => "no label: " + e.outerHTML),
		...[...document.querySelectorAll("th")].filter(e => !e.scope).map(e => "no scope: " + e.outerHTML),
		...[...document.querySelectorAll("svg")].filter(e => !e.getAttribute("aria-label")).map(e => "no text: svg"),
		...[...document.querySelectorAll("section")].filter(e => !e.getAttribute("aria-labelledby")).map(e => "no name: " + e.outerHTML.slice(0, 80)),
		...["main", "header", "nav", "footer", "h1"].filter(n => !document.querySelector(n)).map(n => "no " + n),
		...(document.documentElement.lang ? [] : ["no language"]),
		...(document.title ? [] : ["no title"])]`, &faults))
	for _, fault := range faults {
		t.Error(fault)
	}
}

// Both schedules fire in the same second, and one swap happens.
func TestServeSchedulesOnTwoServers(t *testing.T) {
	t.Parallel()
	p, proxy := servedProject(t, "schedule: \"* * * * *\"\n")
	p.rebuild(t)
	held := proxy.On(holdDocuments())
	blue, green := p.serve(t), p.serve(t)
	held.Await(t) // within a minute; the first of the two is loading
	eventually(t, "the other was refused by the lock", func() bool {
		for _, r := range p.history(t) {
			if r.Outcome == "locked" {
				return true
			}
		}
		return false
	})
	if s := blue.index(t, p.alias); len(s.Servers) != 2 || len(s.Servers[0].Next) == 0 || len(s.Servers[1].Next) == 0 {
		t.Errorf("the next times of both servers are not shown: %+v", s.Servers)
	}
	blue.signal(t, syscall.SIGSTOP) // no further minute
	green.signal(t, syscall.SIGSTOP)
	proxy.Clear()
	swapped := 0
	eventually(t, "the run has swapped", func() bool {
		swapped = 0
		for _, r := range p.history(t) {
			if r.Outcome == "swapped" && r.Trigger == "scheduled" {
				swapped++
			}
		}
		return swapped > 0
	})
	if swapped != 1 {
		t.Errorf("%d swaps, want 1", swapped)
	}
}

func TestServeLoginInABrowser(t *testing.T) {
	t.Parallel()
	p, _ := servedProject(t, "serve: { users_file: users }\n")
	p.rebuild(t)
	var lines strings.Builder
	for _, who := range []string{"alice operator", "bob viewer"} {
		name, role, _ := strings.Cut(who, " ")
		cmd := p.command("serve", "password", name, "--role", role)
		cmd.Stdin = strings.NewReader("correct horse battery\n")
		line, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(line)
	}
	p.write(t, "users", lines.String())
	s := p.serve(t)
	b := browser(t)
	index := s.url + "/i/" + p.alias
	login := func(name, password string) {
		b.do(t, chromedp.SetValue(`input[name=name]`, name), chromedp.SetValue(`input[name=password]`, password))
		b.press(t, "Log in")
	}
	b.open(t, index)
	b.sees(t, "Password")
	b.shot(t, "login")
	login("bob", "wrong")
	b.sees(t, "The name or the password is wrong")
	login("bob", "correct horse battery")
	b.sees(t, "All is well") // the page that was asked for
	if text := b.text(); strings.Contains(text, "Run now") || !strings.Contains(text, "bob") {
		t.Errorf("a viewer is shown actions: %s", text)
	}
	// The wrong role: the form is not shown, and the server refuses it.
	b.do(t, chromedp.Evaluate(`fetch(location.pathname + "/run", {method: "POST"}).then(r => { document.title = "got " + r.status })`, nil))
	b.title(t, "got 403")
	b.do(t, chromedp.Click(`//button[text()="Log out"]`, chromedp.BySearch))
	b.sees(t, "Password")
	login("alice", "correct horse battery")
	b.sees(t, "alice")

	// Another site posts with the cookie of alice.
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><form method=post action="%s/run"><button>Win</button></form>`, index)
	}))
	t.Cleanup(evil.Close)
	for _, host := range []string{"127.0.0.1", "localhost"} { // the same site, and another
		b.open(t, strings.Replace(evil.URL, "127.0.0.1", host, 1))
		b.do(t, chromedp.Click("button"))
		b.sees(t, "refused")
	}
	if jobs := p.history(t); len(jobs) != 1 {
		t.Errorf("%d runs, want only the first", len(jobs))
	}
}

// title waits for the title of the page.
func (b *tab) title(t *testing.T, want string) {
	t.Helper()
	var got string
	eventually(t, want, func() bool {
		b.do(t, chromedp.Title(&got))
		return got == want
	})
}

// A server that is killed leaves its run alone; another one shows both, and so
// does the next server in its place.
func TestServeKilledBesideItsRun(t *testing.T) {
	t.Parallel()
	p, proxy := servedProject(t, "")
	first := p.rebuild(t)
	held := proxy.On(holdDocuments())
	s := p.serve(t)
	res, err := http.Post(s.url+"/api/v1/indices/"+p.alias+"/runs", "application/json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	held.Await(t)
	s.signal(t, syscall.SIGKILL)
	s.wait(t)
	next := p.serve(t)
	eventually(t, "the next server shows the run", func() bool {
		l := next.index(t, p.alias).Lock
		return l != nil && l.State == "held" && l.Holder.User == "local"
	})
	proxy.Clear()
	eventually(t, "the run has swapped without its server", func() bool {
		live := next.live(t, p.alias)
		return live != "" && live != first["index"]
	})

	// In order: a run that is at work then is stopped, and the server waits for it.
	held = proxy.On(holdDocuments())
	res, err = http.Post(next.url+"/api/v1/indices/"+p.alias+"/runs", "application/json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	held.Await(t)
	next.signal(t, syscall.SIGTERM)
	if r := next.wait(t); r.code != exitOK {
		t.Errorf("serve ended with %s", r)
	}
	if s := p.status(t); s.Lock.State != "free" || s.states()["live"] != 1 || s.states()["orphan"]+s.states()["building"] != 0 {
		t.Errorf("after the end of the server: %+v", s)
	}
}

// Elasticsearch goes away and comes back: the page says so, and empties nothing.
func TestServeWithoutElasticsearch(t *testing.T) {
	t.Parallel()
	p, proxy := servedProject(t, "")
	p.rebuild(t)
	s := p.serve(t)
	eventually(t, "the index is seen", func() bool { return s.live(t, p.alias) != "" })
	away := proxy.On(faultproxy.Rule{Do: faultproxy.Refuse})
	eventually(t, "the API says that it is away", func() bool { return s.index(t, p.alias).Problem != nil })
	if live := s.live(t, p.alias); live == "" {
		t.Error("what was known is gone")
	}
	if _, page := s.get(t, "/"); !strings.Contains(page, "Shown is what was known at") {
		t.Error("the page does not say how old it is")
	}
	proxy.Drop(away)
	eventually(t, "it is back", func() bool { return s.index(t, p.alias).Problem == nil })
}
