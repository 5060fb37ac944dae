package esalias

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Build is an index that a lease has created and may swap in.
type Build struct {
	// Index is the physical name, <alias>-<token>.
	Index string
	// Writer is the alias to write through, with require_alias: it goes away
	// with the swap or with the index, and late writes with it.
	Writer string

	lease *Lease
	body  indexBody
}

// creations is how many tokens Create uses up before it gives in.
const creations = 3

// Create makes the index of this run, with the settings and mappings of body
// (as the create-index API takes them), with refresh off and no replicas until
// [Build.Finish]. meta is completed with alias, token and run id.
//
// Replicas and refresh interval are those of body: what an index template says
// about them is not taken over.
//
// A create request is sent once. If its outcome is not known, the token is
// given up for good and another one taken, so that a late copy of the request
// can only make an index that nobody will ever use. A body that Elasticsearch
// refuses is returned as its error.
func (l *Lease) Create(ctx context.Context, body json.RawMessage, meta Meta) (*Build, error) {
	l.using.Lock()
	defer l.using.Unlock()
	parsed, err := parseBody(body)
	if err != nil {
		return nil, err
	}
	if l.right != rightClaimed {
		return nil, errors.New("create index: this lease has given its right up")
	}
	for attempt := 1; ; attempt++ {
		if err := l.check(); err != nil {
			return nil, err
		}
		build, err := l.createOnce(ctx, parsed, meta)
		if err == nil {
			return build, nil
		}
		if !worthAnotherToken(err) || attempt == creations || context.Cause(ctx) != nil {
			return nil, err
		}
		l.c.opts.Log.WarnContext(ctx, "index not created; trying again with a new token",
			slog.String("alias", l.c.alias), slog.Any("error", err))
		if err := l.renumber(ctx); err != nil {
			return nil, err
		}
	}
}

func (l *Lease) createOnce(ctx context.Context, body indexBody, meta Meta) (*Build, error) {
	names := l.c.names
	build := &Build{Index: names.index(l.tag.token), Writer: names.writer(l.tag), lease: l, body: body}
	meta.Alias, meta.Token, meta.RunID = l.c.alias, l.tag.token, l.run
	request, err := body.create(build.Writer, meta)
	if err != nil {
		return nil, fmt.Errorf("create index %s: %w", build.Index, err)
	}
	var answer struct {
		Acknowledged bool `json:"acknowledged"`
		Started      bool `json:"shards_acknowledged"`
	}
	l.built, l.unsure = build.Index, true
	err = l.c.send(ctx, esapi.IndicesCreateRequest{
		Index: build.Index, Body: bytes.NewReader(request),
		// Elasticsearch waits for so long for the shards to start, and then says
		// that they have not: in time to hear it.
		Timeout: l.c.opts.RequestTimeout / 2,
	}, &answer)
	if err == nil && !answer.Acknowledged {
		err = &es.NoAnswerError{Op: "PUT /" + build.Index, Err: errUnacknowledged}
	}
	if es.IsRefused(err) {
		l.built = "" // there is none, or one that somebody else made
	}
	if err != nil {
		return nil, fmt.Errorf("create index %s: %w", build.Index, err)
	}
	l.unsure = false
	if !answer.Started {
		if err := l.c.canBeStarted(ctx, build.Index); err != nil {
			return nil, fmt.Errorf("create index: %w", err)
		}
	}
	if err := l.readBack(ctx, build); err != nil {
		return nil, err
	}
	return build, nil
}

// worthAnotherToken: the outcome is unknown, or the number was taken.
func worthAnotherToken(err error) bool {
	return es.IsUnsettled(err) || es.IsType(err, "resource_already_exists_exception")
}

// readBack proves that the index has the writer alias and no other: a template
// that adds the live alias would show readers a half-filled index. And it proves,
// before hours of loading, that the live alias could be put on it as it is.
func (l *Lease) readBack(ctx context.Context, build *Build) error {
	state, err := l.c.lookIndices(ctx)
	if err != nil {
		return fmt.Errorf("read index %s back: %w", build.Index, err)
	}
	var extra []string
	for name := range state.aliases[build.Index] {
		if name != build.Writer {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 || len(state.aliases[build.Index]) != 1 {
		slices.Sort(extra)
		return &ShapeError{
			Alias:   l.c.alias,
			Problem: fmt.Sprintf("index %s was created with other aliases than its own", build.Index),
			Indices: extra,
			Advice:  "an index template adds them; change its pattern so that it does not match " + l.c.names.indexPattern(),
		}
	}
	live, err := state.live()
	if err != nil {
		return nil //nolint:nilerr // the swap looks again, and a person has until then
	}
	carried, err := state.properties(live)
	if err != nil {
		return err
	}
	return l.c.canCarry(ctx, build.Index, carried)
}

// renumber gives the present token up and takes the next one.
func (l *Lease) renumber(ctx context.Context) error {
	sealed, err := l.seal(ctx)
	if err != nil {
		return err
	}
	if !sealed {
		return lost("another run claimed the alias")
	}
	f, err := l.c.lookFence(ctx)
	if err != nil {
		return fmt.Errorf("next token: %w", err)
	}
	l.mu.Lock()
	recorded := l.record.Token
	l.mu.Unlock()
	token, err := l.c.nextToken(ctx, f, recorded)
	if err != nil {
		return fmt.Errorf("next token: %w", err)
	}
	// From here on renewals carry the new token; one of them must have been
	// answered before the claim is sent.
	l.mu.Lock()
	l.record.Token = token
	l.mu.Unlock()
	err = l.c.again(ctx, func() error { return l.renew(ctx, max(l.left(), time.Millisecond)) })
	if err != nil {
		return fmt.Errorf("next token: %w", err)
	}
	l.tag.token = token
	return l.claim(ctx)
}
