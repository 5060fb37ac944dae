package bulk

import (
	"fmt"
)

// settle books an answer for each item and returns those to be sent again. It
// reads to the end even when one answer is fatal, so that the counts tell what
// the index holds.
func (s *sender) settle(b *batch, items []item, answers []answer) (rest, error) {
	var c Counts
	var left rest
	var stop error
	start, kept := items[0].start, items[:0]
	for i, it := range items {
		v := judge(answers[i], it)
		c.book(v)
		switch v {
		case deleted, absent:
		case created:
			s.written(b, it, answers[i])
		case updated, conflict:
			if v == updated {
				s.written(b, it, answers[i])
			}
			if s.loader.opts.Fresh && !it.resent && stop == nil {
				stop = &DuplicateError{ID: b.id(it)}
			}
		case rejected, split:
			s.loader.fail(answers[i].failure(b.id(it)))
		case again:
			kept = b.keep(kept, start, it)
			left.cause = answers[i].err()
		case gone, fatal:
			if stop == nil {
				stop = stopError(v, answers[i].err())
			}
		}
	}
	s.loader.ledger.add(c)
	left.items = kept
	if stop == nil && left.cause != nil {
		stop = s.loader.tooMany() // before waiting for the others
	}
	return left, stop
}

func (s *sender) written(b *batch, it item, a answer) {
	if s.loader.opts.OnWritten != nil {
		s.loader.written(b.id(it), a)
	}
}

// book counts a verdict; failed documents are counted by Loader.fail.
func (c *Counts) book(v verdict) {
	switch v {
	case created:
		c.Created++
	case updated:
		c.Updated++
	case deleted:
		c.Deleted++
	case absent:
		c.NotFound++
	case conflict:
		c.Conflicts++
	case rejected, again, split, gone, fatal:
	}
}

func stopError(v verdict, err error) error {
	if v == gone {
		return fmt.Errorf("%w: %w", ErrTargetGone, err)
	}
	return err
}

func (a answer) err() *ServerError {
	if !a.failed {
		return &ServerError{Status: a.status, Type: "unexpected_status"}
	}
	return newServerError(a.status, plain(a.kind), a.reasons())
}

func (a answer) failure(id string) Failure {
	e := newServerError(a.status, plain(a.kind), a.reasons())
	return Failure{ID: id, Status: e.Status, Type: e.Type, Reason: e.Reason, full: e.full}
}

// refused handles an answer for the request as a whole.
func (s *sender) refused(b *batch, items []item, res response) (rest, error) {
	err := res.err(s.reply.Bytes())
	switch v := judgeRequest(res.status, err.Type); v {
	case again:
		return resend(items, err, res.retryAfter), nil
	case split:
		return s.tooLarge(b, items)
	case created, updated, deleted, absent, conflict, rejected, gone, fatal:
		return rest{}, stopError(v, err)
	}
	return rest{}, err
}

// tooLarge answers a 413: nothing of the request was read, so its documents
// stay unsent. The next batches are made smaller from the start.
func (s *sender) tooLarge(b *batch, items []item) (rest, error) {
	size := int64(len(b.bytes(items)))
	if len(items) == 1 {
		s.loader.fail(Failure{
			ID: b.id(items[0]), Status: 413, Type: "too_large",
			Reason: fmt.Sprintf("the document takes %d bytes, more than the server accepts in one request", size),
		})
		return rest{}, nil
	}
	for {
		limit := s.loader.maxBody.Load()
		if limit <= size/2 || s.loader.maxBody.CompareAndSwap(limit, size/2) {
			return rest{items: items}, nil
		}
	}
}
