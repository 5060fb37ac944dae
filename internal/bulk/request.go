package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

const (
	// A reply is smaller than its request, and errors are short; this only
	// keeps a confused proxy from filling the memory.
	maxReply = 128 << 20
)

var errSlow = errors.New("no answer in time")

// requestTo has the client library make the request that every batch goes out with.
// It is made once, because the library takes more allocations to make one than a
// copy takes, and its struct cannot say where a body begins again.
func requestTo(o Options) (*http.Request, error) {
	throughAlias := true
	// Per document that was written the status is enough. Each item keeps its place
	// because each has a status (checked on 8.19.7).
	fields := []string{"items.*.status", "items.*.error.type", "items.*.error.reason", "items.*.error.caused_by"}
	if o.OnWritten != nil {
		fields = append(fields, "items.*._seq_no", "items.*._primary_term")
	}
	var made catcher
	_, err := esapi.BulkRequest{
		Index: es.Part(o.Target), RequireAlias: &throughAlias, FilterPath: fields,
		Header: http.Header{"Content-Type": {"application/x-ndjson"}},
	}.Do(context.Background(), &made)
	if made.request == nil {
		return nil, fmt.Errorf("make the bulk request: %w", err)
	}
	return made.request, nil
}

// catcher is a transport that keeps a request and sends nothing.
type catcher struct{ request *http.Request }

// Perform implements esapi.Transport.
func (c *catcher) Perform(req *http.Request) (*http.Response, error) {
	c.request = req
	return nil, errors.ErrUnsupported
}

// response is an answer whose body is in sender.reply.
type response struct {
	status     int
	retryAfter time.Duration
}

// post sends one body and reads the whole reply. An error means that nothing
// is known about the documents. The data may be changed when it returns.
func (s *sender) post(ctx context.Context, data []byte, guarded bool) (response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.loader.opts.RetryFor, errSlow)
	defer cancel()
	req := s.loader.request.Clone(ctx)
	lent := &loan{data: data}
	if guarded {
		lent.prefix = guard
	}
	lent.attach(req)
	defer lent.takeBack()
	return s.perform(req)
}

func (s *sender) perform(req *http.Request) (response, error) {
	s.loader.ledger.add(Counts{Requests: 1, Bytes: req.ContentLength})
	begin := time.Now()
	defer func() { s.loader.latency.observe(time.Since(begin)) }()

	s.reply.Reset()
	res, err := s.loader.es.Perform(req)
	if err != nil {
		return response{}, withCause(req.Context(), err)
	}
	defer res.Body.Close()
	if _, err := s.reply.ReadFrom(io.LimitReader(res.Body, maxReply)); err != nil {
		return response{}, fmt.Errorf("read reply: %w", withCause(req.Context(), err))
	}
	return response{status: res.StatusCode, retryAfter: retryAfter(res.Header.Get("Retry-After"))}, nil
}

// retryAfter understands both forms of the header: seconds and a date.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 3600)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// err reads {"error": {"type": ..., "reason": ...}}. A body that is something
// else is not repeated: it may be a page of a proxy, or hold anything.
func (r response) err(body []byte) *ServerError {
	var reply struct{ Error refusal }
	if err := json.Unmarshal(body, &reply); err != nil {
		return &ServerError{Status: r.status}
	}
	return newServerError(r.status, reply.Error.Type, reply.Error.reasons())
}

// refusal is the error of a whole request.
type refusal struct {
	Type, Reason string
	CausedBy     *refusal `json:"caused_by"`
}

func (r *refusal) reasons() (all []string) {
	for ; r != nil; r = r.CausedBy {
		all = append(all, r.Reason)
	}
	return all
}
