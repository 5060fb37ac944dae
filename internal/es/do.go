package es

import (
	"bytes"
	"context"
	"encoding/json"
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

// Do sends one request, once, and fills into, if that is not nil, from the JSON
// of a 2xx answer. body may be nil. path includes the query. The error is a
// [*Error] or a [*NoAnswerError]; a 404 to a HEAD or GET is a [*Error] too. A
// HEAD or GET takes 30 s at most, unless ctx says otherwise.
func Do(ctx context.Context, t esapi.Transport, method, path string, body []byte, into any) error {
	op := method + " " + withoutQuery(path)
	if _, limited := ctx.Deadline(); !limited && (method == http.MethodGet || method == http.MethodHead) {
		within, cancel := context.WithTimeout(ctx, readLimit)
		defer cancel()
		ctx = within
	}
	req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if body == nil {
		req.Body, req.ContentLength = nil, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := send(t, req, op)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return &NoAnswerError{Op: op, Err: fmt.Errorf("answer is not the expected JSON: %w", err)}
	}
	return nil
}

func send(t esapi.Transport, req *http.Request, op string) ([]byte, error) {
	res, err := t.Perform(req)
	if err != nil {
		if c := context.Cause(req.Context()); c != nil {
			err = c
		}
		return nil, &NoAnswerError{Op: op, Err: cause(err)}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, &NoAnswerError{Op: op, Err: cause(err)}
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, answerError(op, res.StatusCode, answer)
	}
	return answer, nil
}

func withoutQuery(path string) string {
	for i := range len(path) {
		if path[i] == '?' {
			return path[:i]
		}
	}
	return path
}
