package es

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/google/go-cmp/cmp"
)

// fakeNode answers at once, not at all, late, or breaks the connection.
type fakeNode struct {
	mu     sync.Mutex
	frozen bool
	broken bool
	slow   time.Duration // for anything but the root page
	seen   []string
}

func (f *fakeNode) set(change func(*fakeNode)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeNode) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.seen
	f.seen = nil
	return seen
}

func (f *fakeNode) Perform(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.seen = append(f.seen, req.Method+" "+req.URL.Path)
	broken, wait := f.broken, f.slow
	if req.Method == http.MethodHead {
		wait = 0
	}
	f.mu.Unlock()
	if broken {
		return nil, io.EOF
	}
	for done := time.Now().Add(wait); ; {
		f.mu.Lock()
		frozen := f.frozen
		f.mu.Unlock()
		if !frozen && !time.Now().Before(done) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}"))}, nil
		}
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func three() (esapi.Transport, []*fakeNode) {
	fakes := []*fakeNode{{}, {}, {}}
	c := &nodes{}
	for _, f := range fakes {
		c.all = append(c.all, &node{Transport: f})
	}
	return c, fakes
}

func TestNodeThatHangsIsNotGivenAnyRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, fakes := three()
		fakes[1].frozen = true
		began := time.Now()
		for range 30 {
			if err := Do(t.Context(), c, http.MethodPut, "/a", []byte("{}"), nil); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != askLimit {
			t.Errorf("30 requests took %s, want one question's %s", took, askLimit)
		}
		if diff := cmp.Diff([]string{"HEAD /"}, fakes[1].requests()); diff != "" {
			t.Errorf("the node that hangs got (-want +got)\n%s", diff)
		}
	})
}

func TestNodeIsUsedAgainAfterItsRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, fakes := three()
		fakes[1].frozen = true
		ask := func() {
			t.Helper()
			for range 6 {
				if err := Do(t.Context(), c, http.MethodPut, "/a", []byte("{}"), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		ask()
		fakes[1].set(func(f *fakeNode) { f.frozen = false })
		time.Sleep(restFor + time.Second)
		fakes[1].requests()
		ask()
		if got := fakes[1].requests(); len(got) < 2 {
			t.Errorf("the node got %q, want a question and requests", got)
		}
	})
}

func TestRequestIsGivenUpWhenItsNodeFreezes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, fakes := three()
		for range 3 {
			if err := Do(t.Context(), c, http.MethodPut, "/a", []byte("{}"), nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range fakes {
			f.requests()
		}
		fakes[1].set(func(f *fakeNode) { f.frozen = true })
		began := time.Now()
		err := Do(t.Context(), c, http.MethodPut, "/a", []byte("{}"), nil)
		if !errors.Is(err, errSilent) || !IsUnsettled(err) {
			t.Errorf("got %v, want an open outcome because of %v", err, errSilent)
		}
		if took := time.Since(began); took != freshFor+askLimit {
			t.Errorf("given up after %s, want %s", took, freshFor+askLimit)
		}
		for i, f := range fakes {
			want := 0
			if i == 1 {
				want = 2 // the write, once, and the question
			}
			if got := f.requests(); len(got) != want {
				t.Errorf("node %d got %q", i, got)
			}
		}
	})
}

func TestSlowAnswerOfANodeThatIsWellIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, fakes := three()
		for _, f := range fakes {
			f.slow = 25 * time.Second
		}
		if err := Do(t.Context(), c, http.MethodPost, "/a/_refresh", nil, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestReadIsRepeatedOnAnotherNodeAndAWriteIsNot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method string
		fails  bool
	}{{http.MethodGet, false}, {http.MethodPut, true}, {http.MethodPost, true}} {
		t.Run(test.method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, fakes := three()
				for range 3 {
					if err := Do(t.Context(), c, http.MethodGet, "/a", nil, nil); err != nil {
						t.Fatal(err)
					}
				}
				fakes[1].set(func(f *fakeNode) { f.broken = true })
				err := Do(t.Context(), c, test.method, "/a", nil, nil)
				if (err != nil) != test.fails {
					t.Errorf("got %v, want an error: %t", err, test.fails)
				}
			})
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, fakes := three()
		for _, f := range fakes {
			f.frozen = true
		}
		if err := Do(t.Context(), c, http.MethodPut, "/a", nil, nil); !errors.Is(err, errSilent) {
			t.Errorf("got %v, want %v", err, errSilent)
		}
		for _, f := range fakes {
			f.set(func(f *fakeNode) { f.frozen = false })
		}
		// They rest, and there is nobody else.
		if err := Do(t.Context(), c, http.MethodPut, "/a", nil, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestCallerInAHurryLeavesTimeForAnotherNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, fakes := three()
		fakes[1].frozen = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Do(ctx, c, http.MethodPut, "/a", nil, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestReadWithoutALimitEndsAnyway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		err := Do(t.Context(), &fakeNode{frozen: true}, http.MethodGet, "/a", nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !IsUnsettled(err) {
			t.Errorf("got %v, want a limit", err)
		}
	})
}
