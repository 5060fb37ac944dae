package es

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// maxAnswer bounds what is read of one answer: 64 MiB, far above any answer to
// a request of this program, low enough to survive a wrong address.
const maxAnswer = 64 << 20

// readLimit bounds a GET whose context has no limit: nobody waits for ever for
// a server that hangs.
const readLimit = 30 * time.Second

// Send sends one request of the client library, once, and fills into, if that is
// not nil, from the JSON of a 2xx answer:
//
//	err := es.Send(ctx, transport, esapi.IndicesGetAliasRequest{Index: []string{"persons"}}, &answer)
//
// The library writes method, path, parameters and headers. It does not escape
// the parts of a path: give it [Part] of whatever is not known to be harmless.
//
// The error is a [*Error] or a [*NoAnswerError]; a 404 to a HEAD or GET is a
// [*Error] too. A HEAD or GET takes 30 s at most, unless ctx says otherwise.
func Send(ctx context.Context, t esapi.Transport, request esapi.Request, into any) error {
	x := &exchange{to: t}
	defer x.end()
	_, err := request.Do(ctx, x) // x keeps the answer
	if x.op == "" {
		return fmt.Errorf("make request: %w", err) // a part of its path is not escaped
	}
	return x.fill(into)
}

// Do sends one request as [Send] does, where the library has no struct for it,
// or none that can say what is needed. path includes the query; body may be nil.
func Do(ctx context.Context, t esapi.Transport, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, unwrapURL(err))
	}
	if body == nil {
		req.Body, req.ContentLength = nil, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	x := &exchange{to: t}
	defer x.end()
	_, _ = x.Perform(req) //nolint:bodyclose // x keeps the answer and the error, and has closed the body
	return x.fill(into)
}

// exchange is one request and its answer. It stands between the library and
// the transport: only there is the request known as it is sent.
type exchange struct {
	to     esapi.Transport
	op     string // method and path
	cancel context.CancelFunc
	answer []byte // of a 2xx
	err    error
}

// errTwice protects the rule that a request is sent once from a library that
// would send it again.
var errTwice = errors.New("the request was sent already")

// Perform implements esapi.Transport.
func (x *exchange) Perform(req *http.Request) (*http.Response, error) {
	if x.op != "" {
		return nil, errTwice
	}
	x.op = req.Method + " " + req.URL.Path
	if _, limited := req.Context().Deadline(); !limited && (req.Method == http.MethodGet || req.Method == http.MethodHead) {
		var within context.Context
		within, x.cancel = context.WithTimeout(req.Context(), readLimit)
		req = req.WithContext(within)
	}
	x.answer, x.err = x.read(req)
	if x.err != nil {
		return nil, x.err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func (x *exchange) read(req *http.Request) ([]byte, error) {
	res, err := x.to.Perform(req)
	if err != nil {
		if c := context.Cause(req.Context()); c != nil {
			err = c
		}
		return nil, &NoAnswerError{Op: x.op, Err: unwrapURL(err)}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, &NoAnswerError{Op: x.op, Err: unwrapURL(err)}
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, answerError(x.op, res.StatusCode, answer)
	}
	return answer, nil
}

func (x *exchange) fill(into any) error {
	if x.err != nil || into == nil {
		return x.err
	}
	if err := json.Unmarshal(x.answer, into); err != nil {
		return &NoAnswerError{Op: x.op, Err: fmt.Errorf("answer is not the expected JSON: %w", err)}
	}
	return nil
}

func (x *exchange) end() {
	if x.cancel != nil {
		x.cancel()
	}
}
