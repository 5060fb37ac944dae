package livewriter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

// Outcome is what became of one document.
type Outcome string

// The outcomes.
const (
	Written Outcome = "written"
	Deleted Outcome = "deleted"
	Absent  Outcome = "absent" // to be deleted, and not there
	// Superseded: the index has this version or a newer one. Nothing is to be done.
	Superseded Outcome = "superseded"
)

// ErrNoRow means that there is no row for an id any more. Whoever deleted it
// knows its last version, and calls [Writer.Delete] with the one after it.
var ErrNoRow = errors.New("no row with this id")

// DB runs one query; a pool, a connection and a transaction can.
type DB interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Writer brings single documents up to date. It is safe for concurrent use if
// its DB is.
type Writer struct {
	DB    DB
	HTTP  *http.Client // with a Timeout
	URL   string       // of Elasticsearch
	Alias string       // that readers search
	// Query has one row for the id $1, a text: the document as JSON, NULL if
	// there is none, and its version, NULL for a source without versions. It
	// must be one statement, so that the two are from one moment.
	Query string
}

// Refresh writes the document of id as the database has it now, or deletes it
// if there is none. It is to be called after the edit was committed: what is
// not committed cannot be seen here, and would be missing from the index until
// the next edit or rebuild.
//
// While Elasticsearch is busy or away it tries again, each time with a new
// read, until ctx ends.
func (w *Writer) Refresh(ctx context.Context, id string) (Outcome, error) {
	return w.again(ctx, func() (Outcome, error) {
		var document *string
		var version *int64
		err := w.DB.QueryRow(ctx, w.Query, id).Scan(&document, &version)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return "", backoff.Permanent(fmt.Errorf("refresh %s: %w", id, ErrNoRow))
		case err != nil:
			return "", backoff.Permanent(fmt.Errorf("refresh %s: read the document: %w", id, err))
		case document == nil:
			return w.delete(ctx, id, version)
		}
		return w.put(ctx, id, *document, version)
	})
}

// Delete deletes the document of a row that is gone. version is above the row's
// last, for a rebuild may be about to write that, and below any that it may come
// back with (DELETE ... RETURNING nextval('person_rev')); 0 for a source without
// versions.
func (w *Writer) Delete(ctx context.Context, id string, version int64) (Outcome, error) {
	return w.again(ctx, func() (Outcome, error) {
		if version == 0 {
			return w.delete(ctx, id, nil)
		}
		return w.delete(ctx, id, &version)
	})
}

func (w *Writer) again(ctx context.Context, write func() (Outcome, error)) (Outcome, error) {
	return backoff.Retry(ctx, write, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(0))
}

// put sends the document. The version type is external, which refuses an
// equal version: one version is one content, except that of another day.
func (w *Writer) put(ctx context.Context, id, document string, version *int64) (Outcome, error) {
	query := url.Values{"require_alias": {"true"}}
	if version != nil {
		query.Set("version", strconv.FormatInt(*version, 10))
		query.Set("version_type", "external")
	}
	path := "/" + w.Alias + "/_doc/" + url.PathEscape(id) + "?" + query.Encode()
	status, err := w.send(ctx, http.MethodPut, path, "application/json", strings.NewReader(document), nil)
	if err != nil {
		return "", err
	}
	return outcome(id, status, Written)
}
