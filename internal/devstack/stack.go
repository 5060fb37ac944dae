package devstack

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// Options describe a stack: one PostgreSQL server and one Elasticsearch
// cluster.
type Options struct {
	// Dir keeps both servers' data, in one folder each, and overrides their
	// own Dir. Defaults to temporary folders.
	Dir           string
	Elasticsearch ElasticsearchOptions
	Postgres      PostgresOptions
}

// Stack is both servers, running.
type Stack struct {
	Elasticsearch *Elasticsearch
	Postgres      *Postgres
}

// Start starts both servers at the same time. The caller must call Close.
// Everything that the machine lacks is reported in one [*MissingError].
func Start(ctx context.Context, opts Options) (*Stack, error) {
	if err := Missing(opts.Postgres.Version, opts.Elasticsearch.Version); err != nil {
		return nil, err
	}
	if opts.Dir != "" {
		opts.Elasticsearch.Dir = filepath.Join(opts.Dir, "elasticsearch")
		opts.Postgres.Dir = filepath.Join(opts.Dir, "postgres")
	}
	var s Stack
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s.Elasticsearch, err = StartElasticsearch(ctx, opts.Elasticsearch)
		return err
	})
	g.Go(func() (err error) {
		s.Postgres, err = StartPostgres(ctx, opts.Postgres)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &s, nil
}

// Close ends both servers and removes their temporary folders.
func (s *Stack) Close() error {
	var g errgroup.Group
	if s.Elasticsearch != nil {
		g.Go(s.Elasticsearch.Close)
	}
	if s.Postgres != nil {
		g.Go(s.Postgres.Close)
	}
	return g.Wait()
}
