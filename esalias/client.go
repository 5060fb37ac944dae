package esalias

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Options tune a [Client]. The zero value means the defaults.
type Options struct {
	// Lease is how long a silent holder is believed to be alive. Defaults to
	// 30 s; at least 1 s, at most 10 min. Renewals are sent every tenth of it.
	Lease time.Duration
	// RequestTimeout bounds one request that is not a renewal. Defaults to
	// 30 s. A request that passes it is settled by reading.
	RequestTimeout time.Duration
	// Grace is how long an index that has just been replaced is kept for the
	// searches still running on it. Defaults to 10 s.
	Grace time.Duration
	// Log receives what happens in the background. Defaults to nothing.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Lease == 0 {
		o.Lease = 30 * time.Second
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 30 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// maxLease bounds how long a crashed run can block the next.
const maxLease = 10 * time.Minute

// Client reads and locks one alias. It is safe for concurrent use.
type Client struct {
	es    esapi.Transport
	alias string
	names names
	opts  Options
}

// New returns a client for one alias. transport must not retry by itself (as
// elasticsearch.Config.DisableRetry arranges) and should not be shared with
// the loader, whose traffic could hold renewals up.
func New(transport esapi.Transport, alias string, opts Options) (*Client, error) {
	if err := ValidateAlias(alias); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	if opts.Lease < time.Second || opts.Lease > maxLease {
		return nil, fmt.Errorf("lease is %s, want 1s to %s", opts.Lease, maxLease)
	}
	return &Client{es: transport, alias: alias, names: names{alias: alias}, opts: opts}, nil
}

// Alias returns the alias that c manages.
func (c *Client) Alias() string { return c.alias }

// do sends one request with the client's time limit.
func (c *Client) do(ctx context.Context, method, path string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.RequestTimeout)
	defer cancel()
	return es.Do(ctx, c.es, method, path, body, into)
}

// ask sends a request that may be sent any number of times: one that changes
// nothing, or always the same. A node that restarts, or one broken connection,
// must not cost a run that has been loading for an hour.
func (c *Client) ask(ctx context.Context, method, path string, body []byte, into any) error {
	return c.again(ctx, func() error { return c.do(ctx, method, path, body, into) })
}

// asks is how often a request is sent that may be sent again: six seconds and
// more, in which a node restarts or a load balancer notices that it has.
const asks = 8

// again calls send until it is answered, asks times at most, and not again
// after the second time if that has used up the time of a request.
func (c *Client) again(ctx context.Context, send func() error) error {
	started := now()
	for attempt := 0; ; attempt++ {
		err := send()
		if !es.IsUnsettled(err) || attempt == asks-1 {
			return err
		}
		if attempt > 0 && started.elapsed() > c.opts.RequestTimeout {
			return err
		}
		if backOff(ctx, attempt) != nil {
			return err
		}
	}
}

// backOff waits before a request is sent again: 50 ms after the first time,
// doubling to 2 s.
func backOff(ctx context.Context, attempt int) error {
	const first, longest = 50 * time.Millisecond, 2 * time.Second
	return pause(ctx, min(first<<min(attempt, 10), longest))
}

// settling bounds how long a request that must be settled is sent again: a
// cluster without a master takes renewals, and would hold a run for ever. It is
// twice the time of one request, so that a node that hangs and takes all of
// that time leaves as much for the others.
func (c *Client) settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*c.opts.RequestTimeout)
}

// missing reports that Elasticsearch refused a request because an index or an
// alias that it names is not there. Of an update-aliases request nothing was
// applied then; an earlier copy of the same request may have been.
func missing(err error) bool {
	var e *es.Error
	// A 404 without a type is some gateway's, and says nothing.
	return errors.As(err, &e) && e.Status == http.StatusNotFound && e.Type != ""
}

// pause waits before a read or a resend is tried again.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
