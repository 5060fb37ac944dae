package bulk

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLoadGivesUp(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer func([]byte) reply
		want   string
	}{
		"while the queue stays full": {requestError(429, "es_rejected_execution_exception"), "given up after 1m0s: 429 es_rejected_execution_exception"},
		"while nobody answers":       {breaks, "given up after 1m0s: unexpected EOF"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				es := transport(func(*http.Request) (*http.Response, error) { return tt.answer(nil).send() })
				err := mustNew(t, es, Options{}).Load(t.Context(), people(1, 3, 0))
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Load = %v; want %q", err, tt.want)
				}
				if took := time.Since(begin); took != time.Minute {
					t.Errorf("gave up after %s; want the last try at the end of RetryFor", took)
				}
			})
		})
	}
}

func TestLoadDoesNotWaitForeverForOneAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newIndex()
		calls := 0
		es := transport(func(req *http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			return x.Perform(req)
		})
		if err := mustNew(t, es, Options{Fresh: true}).Load(t.Context(), people(1, 3, 0)); err != nil || x.has() != 3 {
			t.Errorf("Load = %v with %d documents; want 3", err, x.has())
		}
	})
}

func TestLoadWaitsAsLongAsTheServerAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ask := func([]byte) reply {
			return reply{status: http.StatusServiceUnavailable, retryAfter: "17"}
		}
		if err := mustNew(t, script(newIndex(), ask), Options{}).Load(t.Context(), people(1, 3, 0)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 17*time.Second {
			t.Errorf("waited %s; want 17 s", took)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(5 * time.Second).UTC().Format(http.TimeFormat)
		for value, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-1": 0, "soon": 0, "99999999": time.Hour, at: 5 * time.Second} {
			if got := retryAfter(value); got != want {
				t.Errorf("retryAfter(%q) = %s; want %s", value, got, want)
			}
		}
	})
}
