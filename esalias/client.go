package esalias

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	if opts.Lease < time.Second || opts.Lease > 10*time.Minute {
		return nil, fmt.Errorf("Lease is %s, want 1s to 10m", opts.Lease)
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

// answered reports that Elasticsearch itself refused the request, so that it
// was not applied by whoever answered. It does not say that an earlier copy of
// the request was not.
func answered(err error) bool {
	var e *es.Error
	return errors.As(err, &e)
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
