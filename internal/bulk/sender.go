package bulk

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// sender delivers one batch at a time. Its buffers serve batch after batch.
type sender struct {
	loader  *Loader
	reply   bytes.Buffer
	answers []answer
	inside  bool // has a place of the gate, for a request to come
	round   int  // of that place
}

func newSender(l *Loader) *sender { return &sender{loader: l} }

// run delivers batches until there are no more.
func (s *sender) run(ctx context.Context, batches <-chan *batch) error {
	for {
		b, err := s.next(ctx, batches)
		if err != nil || b == nil {
			return err
		}
		if err := s.deliver(ctx, b, b.items); err != nil {
			return err
		}
		s.loader.giveBack(b)
	}
}

// next returns a batch once the gate lets it through, or nil after the last one.
// One sender at a time waits there: what the others would hold meanwhile is
// better left in the source.
func (s *sender) next(ctx context.Context, batches <-chan *batch) (*batch, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case s.loader.turn <- struct{}{}:
		defer func() { <-s.loader.turn }()
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case b, more := <-batches:
		if !more {
			return nil, nil
		}
		return b, s.enter(ctx)
	}
}

// enter waits until the gate lets one request through.
func (s *sender) enter(ctx context.Context) (err error) {
	if s.inside {
		return nil
	}
	s.round, err = s.loader.gate.enter(ctx)
	s.inside = err == nil
	return err
}

// deliver returns nil when every one of the items, neighbours in b, has its
// outcome.
func (s *sender) deliver(ctx context.Context, b *batch, items []item) error {
	patience := newPatience(s.loader.opts.RetryFor)
	for len(items) > 0 {
		if len(items) > 1 && len(b.bytes(items)) > int(s.loader.maxBody.Load()) {
			return s.deliverHalves(ctx, b, items)
		}
		rest, err := s.try(ctx, b, items)
		if err != nil {
			return s.describe(ctx, err)
		}
		if len(rest.items) < len(items) {
			patience.progress()
		}
		items = rest.items
		if rest.cause == nil {
			continue
		}
		more, err := patience.wait(ctx, rest.asked)
		if err != nil {
			return err
		}
		if !more {
			return s.describe(ctx, fmt.Errorf("given up after %s: %w", s.loader.opts.RetryFor, rest.cause))
		}
		s.loader.ledger.add(Counts{Retried: int64(len(items))})
	}
	return s.loader.tooMany()
}

// deliverHalves follows a 413, at this batch or at an earlier one.
func (s *sender) deliverHalves(ctx context.Context, b *batch, items []item) error {
	middle := len(items) / 2
	if err := s.deliver(ctx, b, items[:middle:middle]); err != nil {
		return err
	}
	return s.deliver(ctx, b, items[middle:])
}

// describe adds what was attempted, unless the load ended for another reason.
func (s *sender) describe(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("bulk request to %s: %w", s.loader.opts.Target, err)
}

// rest is what is left of a batch after one request. Without a cause it may be
// sent at once.
type rest struct {
	items []item
	cause error
	asked time.Duration // Retry-After of the server
}

// try sends the items once, when the gate lets it.
func (s *sender) try(ctx context.Context, b *batch, items []item) (rest, error) {
	if err := s.enter(ctx); err != nil {
		return rest{}, err
	}
	began := time.Now()
	left, err := s.exchange(ctx, b, items)
	s.inside = false
	s.loader.gate.leave(s.round, left.cause != nil, s.pace(len(b.bytes(items)), time.Since(began)))
	return left, err
}

// pace is how long a byte took, in nanoseconds, or 0 for a body that is so much smaller than
// others that the request itself counts more.
func (s *sender) pace(size int, took time.Duration) float64 {
	if size < s.loader.opts.BatchBytes/2 {
		return 0
	}
	return float64(took) / float64(size)
}

// exchange makes one request and books what is said about each document.
// No answer, a cut one and one that makes no sense are the same: the documents
// may or may not have been written, and are sent again.
func (s *sender) exchange(ctx context.Context, b *batch, items []item) (rest, error) {
	guarded := needsGuard(items)
	res, err := s.post(ctx, b.bytes(items), guarded)
	if err != nil && ctx.Err() != nil {
		return rest{}, context.Cause(ctx)
	}
	if err != nil {
		return resend(items, err, 0), nil
	}
	if res.status/100 != 2 {
		return s.refused(b, items, res)
	}
	s.answers, err = parseReply(s.reply.Bytes(), s.answers[:0])
	if err != nil {
		return resend(items, err, 0), nil
	}
	answers := s.answers
	if guarded && len(answers) > 0 {
		answers = answers[1:]
	}
	if len(answers) != len(items) {
		return rest{}, fmt.Errorf("%d answers for %d documents: the outcome of each is unknown", len(answers), len(items))
	}
	return s.settle(b, items, answers)
}

// resend marks items that may have been written already.
func resend(items []item, cause error, asked time.Duration) rest {
	for i := range items {
		items[i].resent = true
	}
	return rest{items: items, cause: cause, asked: asked}
}
