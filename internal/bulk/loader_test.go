package bulk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/document"
)

// script answers requests in turn with the given functions and hands the rest
// to an index.
func script(x *index, steps ...func(body []byte) reply) transport {
	var n atomic.Int64
	return func(req *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		if i := int(n.Add(1)) - 1; i < len(steps) {
			return steps[i](body).send()
		}
		return x.answer(body).send()
	}
}

func says(status int, body string) func([]byte) reply {
	return func([]byte) reply { return reply{status: status, text: body} }
}

func requestError(status int, kind string) func([]byte) reply {
	return says(status, `{"error":{"root_cause":[],"type":"`+kind+`","reason":"[1:1] no 'secret'"},"status":1}`)
}

func breaks([]byte) reply { return reply{} }

// TestLoadAnswers gives three documents one odd answer; what follows is
// answered by an index that works.
func TestLoadAnswers(t *testing.T) {
	t.Parallel()
	lost := func(x *index) func([]byte) reply {
		return func(body []byte) reply {
			x.answer(body)
			return reply{}
		}
	}
	items := func(texts ...string) func([]byte) reply {
		return says(http.StatusOK, `{"items":[{"index":{`+strings.Join(texts, `}},{"index":{`)+`}}]}`)
	}
	const ok = `"status":201`
	once := Counts{Read: 3, Acknowledged: 3, Created: 3, Requests: 1}
	all := func(c Counts) Counts { c.Requests, c.Retried = 2, 3; return c }
	tests := map[string]struct {
		answer  func([]byte) reply
		applied bool // the answer is lost after the documents were written
		want    Counts
		err     string // part of the error; empty for none
		is      error
	}{
		"a good answer":                      {answer: items(ok, ok, ok), want: once},
		"a broken connection":                {answer: breaks, want: all(once)},
		"an answer that is lost":             {applied: true, want: Counts{Read: 3, Acknowledged: 3, Updated: 3, Requests: 2, Retried: 3}},
		"an answer that is cut":              {answer: says(200, `{"items":[{"index":{"status":201}},`), want: all(once)},
		"a full queue":                       {answer: requestError(429, "es_rejected_execution_exception"), want: all(once)},
		"a gateway that answers":             {answer: says(502, "<html>"), want: all(once)},
		"a gateway that gives up":            {answer: says(504, ""), want: all(once)},
		"a cluster without a master":         {answer: requestError(503, "cluster_block_exception"), want: all(once)},
		"one document meets a full queue":    {answer: items(ok, itemError(429, "es_rejected_execution_exception", ""), ok), want: Counts{Read: 3, Acknowledged: 3, Created: 3, Requests: 2, Retried: 1}},
		"one shard is not there":             {answer: items(ok, ok, itemError(503, "unavailable_shards_exception", "")), want: Counts{Read: 3, Acknowledged: 3, Created: 3, Requests: 2, Retried: 1}},
		"a request that is too large":        {answer: says(413, ""), want: Counts{Read: 3, Acknowledged: 3, Created: 3, Requests: 4}},
		"an answer short of one":             {answer: items(ok, ok), want: Counts{Read: 3, Requests: 1}, err: "2 answers for 3 documents"},
		"the flood stage":                    {answer: items(ok, itemError(429, "cluster_block_exception", "index [p] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];"), ok), want: Counts{Read: 3, Acknowledged: 2, Created: 2, Requests: 1}, err: "bulk request to persons.w-42: 429 cluster_block_exception: index [p] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block]"},
		"a read-only index":                  {answer: items(itemError(403, "cluster_block_exception", "index [p] blocked by: [FORBIDDEN/5/index read-only (api)];"), ok, ok), want: Counts{Read: 3, Acknowledged: 2, Created: 2, Requests: 1}, err: "403 cluster_block_exception: index [p] blocked by: [FORBIDDEN/5/index read-only (api)]"},
		"the alias is gone":                  {answer: items(itemError(404, "index_not_found_exception", "no such index"), ok, ok), want: Counts{Read: 3, Acknowledged: 2, Created: 2, Requests: 1}, err: "404 index_not_found_exception", is: ErrTargetGone},
		"no such alias at all":               {answer: requestError(404, "index_not_found_exception"), want: Counts{Read: 3, Requests: 1}, err: "404", is: ErrTargetGone},
		"no rights":                          {answer: requestError(403, "security_exception"), want: Counts{Read: 3, Requests: 1}, err: "403 security_exception"},
		"nobody we know":                     {answer: says(401, "go away"), want: Counts{Read: 3, Requests: 1}, err: "bulk request to persons.w-42: 401"},
		"a request that cannot be read":      {answer: requestError(400, "illegal_argument_exception"), want: Counts{Read: 3, Requests: 1}, err: "400 illegal_argument_exception"},
		"a document with a value too many":   {answer: items(ok, itemError(400, "document_parsing_exception", "failed to parse field [a] of type [long] in document with id '2'. Preview of field's value: 'secret'"), ok), want: Counts{Read: 3, Acknowledged: 2, Created: 2, Failed: 1, Requests: 1}, err: "failed documents: 1, allowed: 0: document_parsing_exception: failed to parse field [a] of type [long] (2)"},
		"a wrong document beside a busy one": {answer: items(itemError(429, "es_rejected_execution_exception", ""), itemError(400, "mapper_parsing_exception", "x"), ok), want: Counts{Read: 3, Acknowledged: 1, Created: 1, Failed: 1, Requests: 1}, err: "failed documents: 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := newIndex()
				answer := tt.answer
				if tt.applied {
					answer = lost(x)
				}
				l := mustNew(t, script(x, answer), Options{Fresh: true})
				err := l.Load(t.Context(), people(1, 3, 0))
				checkError(t, err, tt.err, tt.is)
				got := l.Counts()
				got.Bytes = 0
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("counts (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func checkError(t *testing.T, err error, text string, is error) {
	t.Helper()
	switch {
	case text == "" && err != nil:
		t.Fatalf("Load: %v", err)
	case text == "":
	case err == nil || !strings.Contains(err.Error(), text):
		t.Errorf("Load = %v; want %q", err, text)
	case is != nil && !errors.Is(err, is):
		t.Errorf("Load = %v; want %v", err, is)
	case strings.Contains(err.Error(), "secret"):
		t.Errorf("Load = %v repeats document content", err)
	}
}

func TestLoadRequest(t *testing.T) {
	t.Parallel()
	x := newIndex()
	l := mustNew(t, transport(func(req *http.Request) (*http.Response, error) {
		want := "POST /persons.w-42/_bulk"
		if got := req.Method + " " + req.URL.Path; got != want {
			t.Errorf("request = %s; want %s", got, want)
		}
		query := url.Values{"require_alias": {"true"}, "filter_path": {"items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by"}}
		if diff := cmp.Diff(query, req.URL.Query()); diff != "" {
			t.Errorf("parameters (-want +got):\n%s", diff)
		}
		if got := req.Header.Get("Content-Type"); got != "application/x-ndjson" {
			t.Errorf("Content-Type = %q", got)
		}
		return x.Perform(req)
	}), Options{})
	if err := l.Load(t.Context(), people(1, 1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := l.Load(t.Context()); err == nil {
		t.Error("a second Load was allowed")
	}
}

func TestLoadNamesDuplicates(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts Options
		docs []document.Document
		want string
	}{
		"twice in one batch": {Options{Fresh: true}, []document.Document{doc("7", "{}"), doc("8", "{}"), doc("7", "{}")}, "7"},
		"an older version after a newer one": {Options{Fresh: true}, []document.Document{
			{ID: []byte("7"), Version: 2, JSON: []byte("{}")}, {ID: []byte("7"), Version: 1, JSON: []byte("{}")},
		}, "7"},
		"twice in an index that others write": {Options{}, []document.Document{doc("7", "{}"), doc("7", "{}")}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := mustNew(t, newIndex(), tt.opts).Load(t.Context(), documents(tt.docs...))
			var double *DuplicateError
			if got := errors.As(err, &double); got != (tt.want != "") || got && double.ID != tt.want {
				t.Errorf("Load = %v; want a double of %q", err, tt.want)
			}
		})
	}
}

func TestLoadTellsFailures(t *testing.T) {
	t.Parallel()
	x := newIndex()
	x.reject = func(id string) string {
		if strings.HasSuffix(id, "3") {
			return itemError(400, "strict_dynamic_mapping_exception", "[1:7] mapping set to strict")
		}
		return ""
	}
	t.Run("to the callback, one at a time, up to the limit", func(t *testing.T) {
		t.Parallel()
		var told []Failure // unguarded on purpose: the race detector is the test
		l := mustNew(t, x, Options{MaxFailures: 41, BatchBytes: minBatchBytes, OnFailure: func(f Failure) { told = append(told, f) }})
		bad := documents(doc("", "{}"), doc("x3", "{}"))
		if err := l.Load(t.Context(), people(0, 200, 0), people(200, 200, 0), bad, bad); err == nil {
			t.Fatal("Load tolerated 44 failures; want 41 at most")
		}
	})
	t.Run("and goes on below the limit", func(t *testing.T) {
		t.Parallel()
		l := mustNew(t, x, Options{MaxFailures: 42, BatchBytes: minBatchBytes})
		if err := l.Load(t.Context(), people(1000, 400, 0), documents(doc("", "{}"), doc("x3", "{}"))); err != nil {
			t.Fatal(err)
		}
		c := l.Counts()
		if c.Failed != 42 || c.Acknowledged != 360 || len(l.Failures()) != 42 {
			t.Errorf("counts = %+v with %d failures kept; want 42 failed, 360 acknowledged", c, len(l.Failures()))
		}
	})
	t.Run("and stops a source that only has wrong ids", func(t *testing.T) {
		t.Parallel()
		l := mustNew(t, x, Options{})
		added := 0
		err := l.Load(t.Context(), func(_ context.Context, add func(document.Document) error) error {
			for {
				if err := add(doc("", "{}")); err != nil {
					return err
				}
				added++
			}
		})
		var many *FailuresError
		if !errors.As(err, &many) || len(many.First) != firstNamed || added > keptFailures {
			t.Errorf("Load = %v after %d documents; want a *FailuresError naming 10", err, added)
		}
	})
}

func TestLoadRemembersTheSmallerLimit(t *testing.T) {
	t.Parallel()
	const accepts = 3000
	x, tooLarge := newIndex(), 0
	es := transport(func(req *http.Request) (*http.Response, error) {
		if req.ContentLength > accepts {
			tooLarge++
			return reply{status: http.StatusRequestEntityTooLarge}.send()
		}
		return x.Perform(req)
	})
	l := mustNew(t, es, Options{Workers: 1, BatchBytes: 100_000, MaxFailures: 1, Fresh: true})
	huge := doc("huge", `{"a":"`+strings.Repeat("x", 5000)+`"}`)
	if err := l.Load(t.Context(), people(1, 20_000, 0), documents(huge)); err != nil {
		t.Fatal(err)
	}
	if x.has() != 20_000 || tooLarge > 10 {
		t.Errorf("%d documents after %d answers 413; want 20000 after 10 at most", x.has(), tooLarge)
	}
	if f := l.Failures(); len(f) != 1 || f[0].ID != "huge" || f[0].Status != 413 {
		t.Errorf("failures = %+v; want the one huge document", f)
	}
}

func TestLoadGuardsDeletions(t *testing.T) {
	t.Parallel()
	x := newIndex()
	var first []string
	es := transport(func(req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		if int64(len(body)) != req.ContentLength {
			t.Errorf("Content-Length is %d for %d bytes", req.ContentLength, len(body))
		}
		action, _, _ := strings.Cut(string(body), "\n")
		first = append(first, action)
		return x.answer(body).send()
	})
	for _, docs := range [][]document.Document{
		{deletion("1", 0), doc("2", "{}")},
		{deletion("2", 0), deletion("3", 4)},
	} {
		if err := mustNew(t, es, Options{}).Load(t.Context(), documents(docs...)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{`{"delete":{"_id":"1"}}`, `{"update":{"_id":"require-alias"}}`}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("first action lines (-want +got):\n%s", diff)
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	why := errors.New("lease lost")
	waits := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	tests := map[string]Producer{
		"while a request is in flight": people(1, 3, 0),
		"while a producer waits": func(ctx context.Context, _ func(document.Document) error) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"while the workers are busy": people(1, 1000, 0),
	}
	for name, producer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					synctest.Wait()
					cancel(why)
				}()
				err := mustNew(t, transport(waits), Options{BatchBytes: minBatchBytes}).Load(ctx, producer)
				if !errors.Is(err, why) {
					t.Errorf("Load = %v; want %v", err, why)
				}
			})
		})
	}
}

func TestLoadEndsWithAProducer(t *testing.T) {
	t.Parallel()
	why := errors.New("row 17: NaN")
	fails := func(context.Context, func(document.Document) error) error { return why }
	waits := func(ctx context.Context, _ func(document.Document) error) error {
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), why) {
			t.Errorf("the cause is %v; want %v", context.Cause(ctx), why)
		}
		return ctx.Err()
	}
	if err := mustNew(t, newIndex(), Options{}).Load(t.Context(), waits, fails, people(1, 10, 0)); !errors.Is(err, why) {
		t.Errorf("Load = %v; want %v", err, why)
	}
}

func TestServerErrorStopsProducers(t *testing.T) {
	t.Parallel()
	es := transport(func(*http.Request) (*http.Response, error) {
		return requestError(401, "security_exception")(nil).send()
	})
	endless := people(1, 1<<40, 0)
	err := mustNew(t, es, Options{BatchBytes: minBatchBytes}).Load(t.Context(), endless, endless)
	var refused *ServerError
	if !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("Load = %v; want the 401", err)
	}
}

func TestLoaderReadsWhileLoading(t *testing.T) {
	t.Parallel()
	x := newIndex()
	l := mustNew(t, x, Options{BatchBytes: minBatchBytes})
	watch := func(_ context.Context, add func(document.Document) error) error {
		for range 100 {
			if c := l.Counts(); c.Acknowledged > c.Read {
				t.Errorf("counts = %+v: more acknowledged than read", c)
			}
			l.Latency()
			l.Failures()
		}
		return add(doc("last", "{}"))
	}
	if err := l.Load(t.Context(), people(1, 1000, 0), watch); err != nil {
		t.Fatal(err)
	}
	if got := l.Latency(); got.Max < got.P50 {
		t.Errorf("latency = %+v", got)
	}
}

// BenchmarkPost sends batches of one document, so that what it allocates is what
// a request costs on top of its documents.
func BenchmarkPost(b *testing.B) {
	text := sampleReply(1)
	l := mustNew(b, transport(func(req *http.Request) (*http.Response, error) {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(text))}, nil
	}), Options{})
	s := newSender(l)
	data := []byte(`{"index":{"_id":"7"}}` + "\n{}\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.post(b.Context(), data, false); err != nil {
			b.Fatal(err)
		}
	}
}
