package esalias

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
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

// send sends one request, once, with the client's time limit.
func (c *Client) send(ctx context.Context, request esapi.Request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.RequestTimeout)
	defer cancel()
	return es.Send(ctx, c.es, request, into)
}

// ask sends a request without a body that may be sent any number of times: one
// that changes nothing. A node that restarts, or one broken connection, must
// not cost a run that has been loading for an hour.
func (c *Client) ask(ctx context.Context, request esapi.Request, into any) error {
	return c.again(ctx, func() error { return c.send(ctx, request, into) })
}

// asks is how often a request is sent that may be sent again: six seconds and
// more, in which a node restarts or a load balancer notices that it has.
const asks = 8

// again calls once until it is answered, asks times at most, and not again
// after the second time if that has used up the time of a request.
func (c *Client) again(ctx context.Context, once func() error) error {
	started, sent := now(), 0
	return retry(ctx, asks, func() (more bool, err error) {
		sent++
		err = once()
		return es.IsUnsettled(err) && (sent == 1 || started.elapsed() <= c.opts.RequestTimeout), err
	})
}

// errChanged means that what a request was conditional on is not so any more,
// and that another look tells what to send next.
var errChanged = errors.New("changed since it was read")

// settle calls once until it is known what became of its request, which changes
// aliases. It is the heart of the protocol: a request that was not answered may
// have been applied, may be applied later, or never, and nothing but another
// answer says which. Sending it once more is safe, because each is conditional
// on a fence that it removes: of all copies one is applied at most. So:
//
//   - answered 200: applied whole. once returns nil.
//   - refused, as by a privilege or a block: not applied, and never will be by
//     this copy; that is the end.
//   - refused because an alias it names is gone ([missing]): an earlier copy
//     was applied, or another run came first. Only a look tells which, and each
//     kind of request has another one: once does it, and returns nil, an error
//     that ends it, or errChanged to be called again.
//   - anything else: not known; wait a little and send it again.
//
// It gives up after twice the time of one request, so that a node that hangs
// and takes all of that time leaves as much for the others: a cluster without
// a master takes renewals, and would hold a run for ever.
func (c *Client) settle(ctx context.Context, once func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*c.opts.RequestTimeout)
	defer cancel()
	return retry(ctx, 0, func() (more bool, err error) {
		err = once(ctx)
		return es.IsUnsettled(err) || errors.Is(err, errChanged), err
	})
}

// retry calls once until it wants no more, tries times at most or, with 0, until
// ctx ends, with pauses from 50 ms to 2 s. The error is the last one, and, if
// that was the end, the cause of ctx.
func retry(ctx context.Context, tries uint, once func() (more bool, err error)) error {
	var last error
	more := true
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if more, last = once(); last != nil && !more {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, backoff.WithMaxTries(tries), backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 50 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 2 * time.Second,
	}))
	if cause := context.Cause(ctx); err != nil && more && cause != nil && !errors.Is(last, cause) {
		return errors.Join(cause, last)
	}
	return last
}

// missing reports that Elasticsearch refused a request because an index or an
// alias that it names is not there. Of an update-aliases request nothing was
// applied then; an earlier copy of the same request may have been.
func missing(err error) bool {
	var e *es.Error
	// A 404 without a type is some gateway's, and says nothing.
	return errors.As(err, &e) && e.Status == http.StatusNotFound && e.Type != ""
}

// pause waits before something is looked at again.
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

// errorAttr is an error in a log line.
func errorAttr(err error) slog.Attr { return slog.Any("error", err) }
