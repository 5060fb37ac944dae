package faultproxy

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counted is a server that counts what reaches it.
func counted(t *testing.T) (url string, hits *atomic.Int64) {
	t.Helper()
	hits = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hits.Add(1)
		w.Header().Set("X-Seen", r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	}))
	t.Cleanup(server.Close)
	return server.URL, hits
}

func send(ctx context.Context, t *testing.T, method, url, body string) (status int, answer string, err error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return res.StatusCode, string(got), err
}

func TestRequestsWithoutARulePassUnchangedAndAreLogged(t *testing.T) {
	t.Parallel()
	server, hits := counted(t)
	p := New(t, server)
	status, answer, err := send(t.Context(), t, http.MethodPut, p.URL()+"/a%2Fb?x=1&y", "text")
	if err != nil || status != 200 || answer != "PUT /a%2Fb?x=1&y text" || hits.Load() != 1 {
		t.Errorf("got %d %q %v after %d hits", status, answer, err, hits.Load())
	}
	if diff := cmp.Diff([]Request{{Method: "PUT", Path: "/a%2Fb?x=1&y", Body: "text"}}, p.Requests(), cmpopts.IgnoreFields(Request{}, "At")); diff != "" {
		t.Error(diff)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		rule   Rule
		hits   int64
		status int // 0: connection broken
	}{
		{"refused requests never reach the server", Rule{Do: Refuse}, 0, 0},
		{"failed requests never reach the server", Rule{Do: Fail, Status: 503, Answer: "no"}, 0, 503},
		{"lost requests reach the server once", Rule{Do: Lose}, 1, 0},
		{"duplicated requests reach it twice", Rule{Do: Duplicate}, 2, 200},
		{"delayed requests reach it", Rule{Do: Delay, Wait: time.Millisecond}, 1, 200},
		{"another method is not touched", Rule{Method: "GET", Do: Refuse}, 1, 200},
		{"another path is not touched", Rule{Path: "^/b", Do: Refuse}, 1, 200},
		{"another body is not touched", Rule{Body: "other", Do: Refuse}, 1, 200},
		{"the query is part of the path", Rule{Path: "x=1$", Do: Refuse}, 0, 0},
		{"the second occurrence is meant", Rule{Nth: 2, Do: Refuse}, 1, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, hits := counted(t)
			p := New(t, server)
			p.On(test.rule)
			status, _, err := send(t.Context(), t, http.MethodPost, p.URL()+"/a?x=1", "text")
			if status != test.status || (err != nil) != (test.status == 0) || hits.Load() != test.hits {
				t.Errorf("got status %d, %v, %d hits", status, err, hits.Load())
			}
		})
	}
}

func TestHeldRequestIsForwardedOnRelease(t *testing.T) {
	t.Parallel()
	server, hits := counted(t)
	p := New(t, server)
	held := p.On(Rule{Do: Hold})
	go func() {
		<-held.Reached()
		if hits.Load() != 0 {
			t.Error("forwarded before its release")
		}
		held.Release()
	}()
	status, _, err := send(t.Context(), t, http.MethodGet, p.URL(), "")
	if status != 200 || err != nil || hits.Load() != 1 {
		t.Errorf("got %d, %v, %d hits", status, err, hits.Load())
	}
}

func TestParkedRequestWhoseClientHasGone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		do   Outcome
		hits int64
	}{
		{"is dropped if held", Hold, 0},
		{"is applied if late", Late, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, hits := counted(t)
			p := New(t, server)
			parked := p.On(Rule{Do: test.do})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-parked.Reached()
				cancel()
			}()
			if _, _, err := send(ctx, t, http.MethodPost, p.URL(), "x"); err == nil {
				t.Error("the client got an answer")
			}
			if test.do == Late {
				parked.Release()
			}
			parked.AwaitDone(t)
			if hits.Load() != test.hits {
				t.Errorf("%d hits, want %d", hits.Load(), test.hits)
			}
		})
	}
}

func TestDroppedRuleKeepsWhatItHasParked(t *testing.T) {
	t.Parallel()
	server, hits := counted(t)
	p := New(t, server)
	late := p.On(Rule{Do: Late})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-late.Reached()
		cancel()
	}()
	if _, _, err := send(ctx, t, http.MethodPost, p.URL(), "x"); err == nil {
		t.Error("the client got an answer")
	}
	p.Drop(late)
	if status, _, err := send(t.Context(), t, http.MethodPost, p.URL(), "y"); err != nil || status != 200 || hits.Load() != 1 {
		t.Errorf("the next request: %d, %v, %d hits; want it to pass", status, err, hits.Load())
	}
	late.Release()
	late.AwaitDone(t)
	if hits.Load() != 2 {
		t.Errorf("%d hits, want 2", hits.Load())
	}
	if p.Forget(1); len(p.Requests()) != 1 || p.Requests()[0].Body != "y" {
		t.Errorf("after Forget(1): %v", p.Requests())
	}
}
