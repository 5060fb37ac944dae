package livewriter

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cenkalti/backoff/v5"
)

// guard is an update without changes. Of the requests in a bulk body only
// index, create and update know require_alias; one of them is enough to keep
// Elasticsearch from creating the index for all.
const guard = `{"update":{"_id":"require-alias","require_alias":true}}` + "\n" + `{"doc":{}}` + "\n"

// delete removes a document by version. The version type is external_gte, so
// that a deletion that is sent again is not refused because of itself.
func (w *Writer) delete(ctx context.Context, id string, version *int64) (Outcome, error) {
	action := map[string]any{"_id": id}
	if version != nil {
		action["version"], action["version_type"] = *version, "external_gte"
	}
	line, err := json.Marshal(map[string]any{"delete": action})
	if err != nil {
		return "", backoff.Permanent(err)
	}
	var answer struct {
		Items []map[string]struct {
			Status int `json:"status"`
			Error  *struct {
				Type string `json:"type"`
			} `json:"error"`
		} `json:"items"`
	}
	status, err := w.send(ctx, http.MethodPost, "/"+w.Alias+"/_bulk", "application/x-ndjson",
		strings.NewReader(guard+string(line)+"\n"), &answer)
	switch {
	case err != nil:
		return "", err
	case status != http.StatusOK:
		return outcome(id, status, Deleted)
	case len(answer.Items) != 2:
		return "", backoff.Permanent(fmt.Errorf("delete %s: %d answers for 2 actions", id, len(answer.Items)))
	}
	deletion := answer.Items[1]["delete"]
	if deletion.Status == http.StatusNotFound && deletion.Error == nil {
		return Absent, nil
	}
	return outcome(id, deletion.Status, Deleted)
}

// send makes one request. Its error may be tried again.
func (w *Writer) send(ctx context.Context, method, path, kind string, body io.Reader, into any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, w.URL+path, body)
	if err != nil {
		return 0, backoff.Permanent(err)
	}
	req.Header.Set("Content-Type", kind)
	res, err := w.HTTP.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && into != nil && res.StatusCode == http.StatusOK {
		err = json.Unmarshal(answer, into)
	}
	return res.StatusCode, err
}

// outcome says what a status means. Errors that time may cure are plain, the
// others permanent.
func outcome(id string, status int, done Outcome) (Outcome, error) {
	switch {
	case status == http.StatusOK, status == http.StatusCreated:
		return done, nil
	case status == http.StatusConflict:
		return Superseded, nil
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return "", fmt.Errorf("document %s: Elasticsearch answers %d", id, status)
	case status == http.StatusNotFound:
		return "", backoff.Permanent(fmt.Errorf("document %s: the alias does not exist; has the first rebuild run?", id))
	}
	return "", backoff.Permanent(fmt.Errorf("document %s: Elasticsearch answers %d", id, status))
}
