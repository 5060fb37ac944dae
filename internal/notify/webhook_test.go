package notify

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// receiver answers with the statuses given, then 202, and keeps what it got.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	statuses []int
	bodies   []string
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bodies = append(r.bodies, req.Method+" "+req.URL.RequestURI()+" "+req.Header.Get("Content-Type")+" "+string(body))
		status := http.StatusAccepted
		if len(r.statuses) > 0 {
			status, r.statuses = r.statuses[0], r.statuses[1:]
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies
}

func webhook(t *testing.T, server string) *Webhook {
	t.Helper()
	w, err := New(server+"/services/T0/hunter2?key=hunter3", Slack, []string{"started", "failed"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		statuses []int
		requests int
		problem  string // in the error; empty for none
	}{
		"accepted at once":            {nil, 1, ""},
		"accepted when asked again":   {[]int{503, 429}, 3, ""},
		"refused for good":            {[]int{404}, 1, "HTTP 404"},
		"never follows a redirection": {[]int{302}, 1, "HTTP 302"},
		"given up":                    {[]int{500, 500, 500, 503, 500}, 4, "HTTP 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, test.statuses...)
			err := webhook(t, r.URL).Send(t.Context(), swapped())
			if got := r.got(); len(got) != test.requests {
				t.Errorf("%d requests, want %d", len(got), test.requests)
			}
			for _, body := range r.got() {
				if !strings.HasPrefix(body, `POST /services/T0/hunter2?key=hunter3 application/json {"text":`) {
					t.Errorf("request %s", body)
				}
			}
			wantProblem(t, err, test.problem)
		})
	}
}

func wantProblem(t *testing.T, err error, problem string) {
	t.Helper()
	switch {
	case problem == "" && err != nil:
		t.Error(err)
	case problem != "" && (err == nil || !strings.Contains(err.Error(), problem)):
		t.Errorf("got %v, want an error with %q", err, problem)
	case err != nil && strings.Contains(err.Error(), "hunter"):
		t.Errorf("the error tells the secret: %v", err)
	}
}

func TestErrorsShowNoMoreThanTheHost(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := webhook(t, gone.URL).Send(ctx, swapped())
	wantProblem(t, err, gone.URL)
	for _, address := range []string{"http://host:port/hunter2", "hunter2", "://hunter2"} {
		_, err := New(address, Slack, nil)
		wantProblem(t, err, "cannot be read")
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := webhook(t, "http://silent.invalid")
		w.client.Transport = silent{}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		started := time.Now()
		if err := w.Send(ctx, swapped()); err == nil {
			t.Error("no error from a server that never answers")
		}
		if took := time.Since(started); took > 15*time.Second {
			t.Errorf("took %s of fake time", took)
		}
	})
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func TestWants(t *testing.T) {
	t.Parallel()
	w := webhook(t, "http://host")
	if !w.Wants(Started) || !w.Wants("failed") || w.Wants("swapped") {
		t.Error("it does not want what it was told to")
	}
}
