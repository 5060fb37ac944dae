package bulk

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// DefaultWorkers requests are in flight at most: 1 to 4 MiB and 2 to 4 in flight
// measured alike, 256 KiB or one in flight lost 20 to 45 %.
const DefaultWorkers = 4

const (
	defaultBatchBytes = 4 << 20
	defaultRetryFor   = 60 * time.Second

	minBatchBytes = 1 << 10
	// http.max_content_length is 100 MiB unless configured; the rest is room
	// for headers and for proxies that count them.
	maxBatchBytes = 90 << 20
	maxWorkers    = 64
)

// Options say where documents go and how hard to try. The zero value of every
// field but Target means its default.
type Options struct {
	// Target is the writer alias of this run. Every request goes to
	// /<Target>/_bulk?require_alias=true, so that a target that is gone is an
	// error and never created again with guessed types.
	Target string
	// Workers is the number of requests in flight at most, 1 to 64. The loader
	// goes below it while the server refuses work, and above 4 only as far as more requests do not just
	// wait in the server. Defaults to 4.
	Workers int
	// BatchBytes is the largest request body, 1 KiB to 90 MiB. A document
	// larger than that travels alone. Defaults to 4 MiB.
	BatchBytes int
	// MaxFailures is the number of failed documents that Load tolerates before
	// it stops with a *FailuresError. It is looked at after each batch, so that
	// the error can name more than one id. Defaults to 0.
	MaxFailures int64
	// Failed says how many documents of the whole run have failed, those of this
	// load included and none of them twice: the limit is one of the run, and a run
	// has several loads. It is called after OnFailure. nil means the load's own count.
	Failed func() int64
	// RetryFor is how long a batch is sent again without one of its documents
	// getting through before Load gives up, and how long one request may take.
	// Defaults to 60 s.
	RetryFor time.Duration
	// OnFailure is called for each failed document, never concurrently. The
	// load waits for it. nil means that nobody is told.
	OnFailure func(Failure)
	// Fresh says that the index was created by this run and is written by Load
	// alone. A document that finds its id taken is then a *DuplicateError,
	// unless it was sent more than once.
	Fresh bool
	// OnWritten is called for each document that was created or updated, never
	// concurrently, with what Elasticsearch answered: the place of the write in the
	// order of all writes to its shard. It makes replies longer and is meant for few
	// documents. nil means that nobody asks.
	OnWritten func(id string, seqNo, primaryTerm int64)
}

// Validate reports the first field that is out of range, by name and value.
func (o Options) Validate() error {
	switch {
	case o.Target == "":
		return errors.New("option Target is empty, want the writer alias of this run")
	case strings.ContainsAny(o.Target, "/\\,*?\"<>| #:%") || strings.HasPrefix(o.Target, "_"):
		return fmt.Errorf("option Target is %q, want the name of one alias", o.Target)
	case o.Workers < 0 || o.Workers > maxWorkers:
		return fmt.Errorf("option Workers is %d, want 1 to %d", o.Workers, maxWorkers)
	case o.BatchBytes != 0 && (o.BatchBytes < minBatchBytes || o.BatchBytes > maxBatchBytes):
		return fmt.Errorf("option BatchBytes is %d, want 1 KiB to 90 MiB", o.BatchBytes)
	case o.MaxFailures < 0:
		return fmt.Errorf("option MaxFailures is %d, want 0 or more", o.MaxFailures)
	case o.RetryFor < 0:
		return fmt.Errorf("option RetryFor is %s, want more than 0", o.RetryFor)
	}
	return nil
}

func (o Options) withDefaults() Options {
	o.Workers = cmp.Or(o.Workers, DefaultWorkers)
	o.BatchBytes = cmp.Or(o.BatchBytes, defaultBatchBytes)
	o.RetryFor = cmp.Or(o.RetryFor, defaultRetryFor)
	return o
}
