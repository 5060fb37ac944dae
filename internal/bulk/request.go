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
)

const (
	// A reply is smaller than its request, and errors are short; this only
	// keeps a confused proxy from filling the memory.
	maxReply = 128 << 20

	// Per document the status is enough; causes repeat document content and
	// are not even asked for. Each item keeps its place because each has a
	// status (checked on 8.19.7).
	replyFields = "items.*.status,items.*.error.type,items.*.error.reason"
	// writtenFields are asked for where somebody wants to know them.
	writtenFields = ",items.*._seq_no,items.*._primary_term"
)

var errSlow = errors.New("no answer in time")

func requestPath(o Options) string {
	path := "/" + o.Target + "/_bulk?require_alias=true&filter_path=" + replyFields
	if o.OnWritten != nil {
		path += writtenFields
	}
	return path
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.loader.path, http.NoBody)
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
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
	var reply struct {
		Error struct{ Type, Reason string }
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return &ServerError{Status: r.status}
	}
	return &ServerError{Status: r.status, Type: reply.Error.Type, Reason: scrub(reply.Error.Reason)}
}
