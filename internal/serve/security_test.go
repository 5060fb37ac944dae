package serve

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/reindex/internal/serve/auth"
)

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	u, operator, viewer := users(t)
	s := newSite(t, persons(), &auth.Gate{Users: u})
	for _, test := range []struct {
		method, path, body   string
		nobody, view, manage int
	}{
		{"GET", "/healthz", "", 200, 200, 200},
		{"GET", "/readyz", "", 200, 200, 200},
		{"GET", "/static/style.css", "", 200, 200, 200},
		{"GET", "/login", "", 200, 200, 200},
		{"GET", "/", "", 303, 200, 200},
		{"GET", "/i/persons", "", 303, 200, 200},
		{"GET", "/i/nothing", "", 303, 404, 404},
		{"GET", "/i/persons/runs/runthreexxxx", "", 303, 200, 200},
		{"GET", "/i/persons/runs/..%2f..%2f_search", "", 303, 404, 404},
		{"GET", "/i/persons/confirm/rollback", "", 303, 403, 200},
		{"GET", "/metrics", "", 401, 200, 200},
		{"GET", "/events?topic=nothing", "", 401, 404, 404},
		{"GET", "/api/v1/openapi.json", "", 401, 200, 200},
		{"GET", "/api/v1/indices", "", 401, 200, 200},
		{"GET", "/api/v1/indices/persons", "", 401, 200, 200},
		{"GET", "/api/v1/indices/persons/runs", "", 401, 200, 200},
		{"GET", "/api/v1/indices/persons/runs/runthreexxxx", "", 401, 200, 200},
		{"GET", "/api/v1/indices/persons/runs/nosuchrunxxx", "", 401, 404, 404},
		{"GET", "/api/v1/indices/persons/jobs", "", 401, 200, 200},
		{"GET", "/api/v1/schedule", "", 401, 200, 200},
		{"POST", "/api/v1/indices/persons/verify", "", 401, 403, 202},
		{"POST", "/api/v1/indices/persons/nothing", "", 401, 403, 404},
		{"POST", "/i/persons/verify", "", 401, 403, 303},
		{"POST", "/i/persons/rollback", "to=persons-000001", 401, 403, 400}, // it asks first
		{"DELETE", "/i/persons", "", 404, 404, 404},
	} {
		for who, want := range map[string]int{"": test.nobody, viewer: test.view, operator: test.manage, "Bearer wrong": test.nobody} {
			if test.manage == 303 || test.manage == 202 {
				eventually(t, "the job before has ended", func() bool { _, busy := s.Runner.Running("persons"); return !busy })
			}
			var header []string
			if who != "" {
				header = []string{"Authorization", who}
			}
			if got := s.do(t, test.method, test.path, test.body, header...); got.status != want {
				t.Errorf("%s %s as %.20q: %d, want %d: %s", test.method, test.path, who, got.status, want, got.body)
			}
		}
	}
}

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, persons(), &auth.Gate{Open: true})
	for name, header := range map[string][]string{
		"a form of another site":                {"Sec-Fetch-Site", "cross-site"},
		"a form of another host of the site":    {"Sec-Fetch-Site", "same-site"},
		"an old browser, from another origin":   {"Origin", "https://evil.example"},
		"a sandboxed frame without an origin":   {"Origin", "null"},
		"a login that another site sends along": {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
	} {
		for _, path := range []string{"/i/persons/run", "/api/v1/indices/persons/runs", "/login", "/logout"} {
			if got := s.do(t, "POST", path, "", header...); got.status != http.StatusForbidden {
				t.Errorf("%s, %s: %d", name, path, got.status)
			}
		}
	}
	if jobs := s.Runner.Jobs(""); len(jobs) > 0 {
		t.Errorf("%d jobs were started", len(jobs))
	}
}

func TestAForeignNameForThisMachineIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, persons(), &auth.Gate{Open: true})
	for host, want := range map[string]int{
		"localhost:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200,
		"evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
	} {
		if got := s.do(t, "GET", "/", "", "Host", host); got.status != want {
			t.Errorf("Host %s: %d, want %d", host, got.status, want)
		}
	}
}

func TestTheHeaderOfAProxyCountsFromItsNetworkOnly(t *testing.T) {
	t.Parallel()
	proxy := func(network string) *auth.Gate {
		return &auth.Gate{Proxy: auth.Proxy{Networks: []netip.Prefix{netip.MustParsePrefix(network)}, Header: "X-Forwarded-User", Operators: []string{"alice"}}}
	}
	trusted, foreign := newSite(t, persons(), proxy("127.0.0.0/8")), newSite(t, persons(), proxy("10.0.0.0/8"))
	for _, test := range []struct {
		name   string
		site   *site
		header []string
		look   int
		act    int
	}{
		{"alice", trusted, []string{"X-Forwarded-User", "alice"}, 200, 202},
		{"bob", trusted, []string{"X-Forwarded-User", "bob"}, 200, 403},
		{"nobody", trusted, nil, 401, 401},
		{"two names", trusted, []string{"X-Forwarded-User", "bob", "X-Forwarded-User", "alice"}, 401, 401},
		{"a very long name", trusted, []string{"X-Forwarded-User", strings.Repeat("a", 200)}, 401, 401},
		{"alice from elsewhere", foreign, []string{"X-Forwarded-User", "alice"}, 401, 401},
		{"alice, forwarded for the proxy", foreign, []string{"X-Forwarded-User", "alice", "X-Forwarded-For", "10.0.0.1"}, 401, 401},
	} {
		if got := test.site.do(t, "GET", "/api/v1/indices", "", test.header...); got.status != test.look {
			t.Errorf("%s looks: %d, want %d", test.name, got.status, test.look)
		}
		if got := test.site.do(t, "POST", "/api/v1/indices/persons/check", "", test.header...); got.status != test.act {
			t.Errorf("%s acts: %d, want %d", test.name, got.status, test.act)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	u, _, _ := users(t)
	s := newSite(t, persons(), &auth.Gate{Users: u})
	in := s.do(t, "POST", "/login", "name=alice&password="+strings.ReplaceAll(password, " ", "+")+"&to=//evil.example/")
	if in.status != http.StatusSeeOther || in.header.Get("Location") != "/" {
		t.Fatalf("%d to %q", in.status, in.header.Get("Location"))
	}
	cookie := in.header.Get("Set-Cookie")
	for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q lacks %s", cookie, part)
		}
	}
	pair, _, _ := strings.Cut(cookie, ";")
	if got := s.do(t, "GET", "/", "", "Cookie", pair); got.status != 200 || !strings.Contains(got.body, "alice") {
		t.Errorf("with the cookie: %d", got.status)
	}
	s.do(t, "POST", "/logout", "", "Cookie", pair)
	if got := s.do(t, "GET", "/", "", "Cookie", pair); got.status != http.StatusSeeOther {
		t.Errorf("after the logout: %d", got.status)
	}
}

func TestGuessingPasswordsIsSlow(t *testing.T) {
	t.Parallel()
	u, _, _ := users(t)
	s := newSite(t, persons(), &auth.Gate{Users: u})
	var statuses []int
	for range 12 {
		statuses = append(statuses, s.do(t, "POST", "/login", "name=nobody&password=wrong").status)
	}
	if statuses[9] != http.StatusUnauthorized || statuses[10] != http.StatusTooManyRequests || statuses[11] != http.StatusTooManyRequests {
		t.Errorf("statuses %v, want ten times 401 and then 429", statuses)
	}
}

func TestALoginLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"/i/persons?page=2": "/i/persons?page=2", "": "/", "//evil.example": "/", "https://evil.example/": "/",
		`/\evil.example`: "/", "javascript:alert(1)": "/", "i/persons": "/",
	} {
		if got := ownPath(to); got != want {
			t.Errorf("ownPath(%q) = %q, want %q", to, got, want)
		}
	}
}

// Every page, in every state: what comes from outside is text, and nothing needs
// more than the policy allows.
func TestPagesAreSafe(t *testing.T) {
	t.Parallel()
	away := persons()
	away.err = errAway
	locked := persons()
	locked.lock("blue", 1)
	empty := &scripted{}
	inline := regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|<[^>]*\s(style|on[a-z]+)=|<[^>]*javascript:`)
	for name, reader := range map[string]*scripted{"as usual": persons(), "away": away, "locked": locked, "empty": empty} {
		s := newSite(t, reader, &auth.Gate{Open: true})
		for _, path := range []string{
			"/", "/i/persons", "/i/persons?outcome=failed&page=99", "/i/persons?outcome=%3Cscript%3Ea&page=-1", "/i/persons/runs/runthreexxxx",
			"/i/persons/confirm/rollback", "/i/persons/confirm/prune", "/i/persons/confirm/unlock", "/i/persons/confirm/stop", "/i/persons/confirm/repair", "/i/persons/confirm/swap",
			"/i/persons/jobs/7", "/nothing", "/api/v1/indices", "/api/v1/indices/persons", "/api/v1/schedule", "/metrics",
		} {
			got := s.do(t, "GET", path, "")
			if got.status >= 500 && got.status != http.StatusServiceUnavailable {
				t.Errorf("%s, %s: %d", name, path, got.status)
			}
			if !strings.Contains(got.header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%s, %s: no policy", name, path)
			}
			if strings.Contains(got.header.Get("Content-Type"), "html") && inline.MatchString(got.body) {
				t.Errorf("%s, %s: inline script or style: %s", name, path, inline.FindString(got.body))
			}
			if strings.Contains(got.header.Get("Content-Type"), "html") && strings.Contains(got.body, "alert(1)</script>") {
				t.Errorf("%s, %s: an error became HTML", name, path)
			}
			if strings.Contains(got.body, "hunter2") {
				t.Errorf("%s, %s: a secret is shown", name, path)
			}
		}
	}
}

func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, persons(), &auth.Gate{Open: true})
	if got := s.do(t, "POST", "/api/v1/indices/persons/runs", `{"max-shrink":"`+strings.Repeat("1", maxBody)+`"}`); got.status != http.StatusBadRequest {
		t.Errorf("a large body: %d", got.status)
	}
	for name, body := range map[string]string{
		"a flag of another kind":   `{"config":"/etc/passwd"}`,
		"a flag in a value":        `{"if-older-than":"1h --config=/etc/passwd"}`,
		"a negative time":          `{"lock-timeout":"-1h"}`,
		"a list":                   `{"max-shrink":["off"]}`,
		"no object":                `[]`,
		"a share above everything": `{"max-shrink":"a%"}`,
	} {
		if got := s.do(t, "POST", "/api/v1/indices/persons/runs", body); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if jobs := s.Runner.Jobs(""); len(jobs) > 0 {
		t.Errorf("%d jobs were started", len(jobs))
	}
	h := s.HTTP()
	if h.ReadHeaderTimeout == 0 || h.ReadTimeout == 0 || h.WriteTimeout == 0 || h.IdleTimeout == 0 || h.MaxHeaderBytes == 0 {
		t.Error("a limit is missing")
	}
}

func TestTooManyStreamsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, persons(), &auth.Gate{Open: true}, func(o *Options) { o.MaxStreams = 1 })
	open := dial(t, s, "/events?topic=overview")
	if line, err := bufio.NewReader(open).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	eventually(t, "one stream is open", func() bool { return s.hub.open() == 1 })
	if got := s.do(t, "GET", "/events?topic=overview", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("the second stream: %d", got.status)
	}
	_ = open.Close()
	eventually(t, "none is open", func() bool { s.hub.changed(); return s.hub.open() == 0 })
}

func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	t.Parallel()
	s := newSite(t, persons(), &auth.Gate{Open: true}, func(o *Options) { o.StreamTime = 100 * time.Millisecond })
	dial(t, s, "/events?topic=i/persons") // and reads nothing
	eventually(t, "the stream is open", func() bool { return s.hub.open() == 1 })
	n := 0
	eventually(t, "the stream is cut off", func() bool {
		n++
		s.reader.set(func(r *scripted) {
			r.runs[0].Error = strings.Repeat(fmt.Sprint(n), 300_000)
			r.runs[0].Host = strings.Repeat(fmt.Sprint(n), 300_000)
		})
		s.look(t)
		return s.hub.open() == 0
	})
}

func dial(t *testing.T, s *site, path string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	return conn
}
