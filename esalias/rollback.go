package esalias

import (
	"context"
	"fmt"
)

// Rollback makes an index live again that once was: to, or, with to empty, the
// newest one that is not live. It has the same right, request and outcomes as
// [Lease.Swap].
func (l *Lease) Rollback(ctx context.Context, to string) (Swapped, error) {
	l.using.Lock()
	defer l.using.Unlock()
	state, err := l.c.lookIndices(ctx)
	if err != nil {
		return Swapped{}, fmt.Errorf("rollback: %w", err)
	}
	live, err := state.live()
	if err != nil {
		return Swapped{}, err
	}
	target, mark, err := l.rollbackTarget(state, live, to)
	if err != nil {
		return Swapped{}, err
	}
	ours, err := l.c.isOurs(ctx, target)
	if err != nil {
		return Swapped{}, fmt.Errorf("rollback to %s: %w", target, err)
	}
	if !ours {
		return Swapped{}, l.notAGeneration(target, "its _meta does not say so")
	}
	if _, err := l.c.Count(ctx, target); err != nil { // closed, or a shard is away
		return Swapped{}, fmt.Errorf("rollback to %s: it cannot be searched: %w", target, err)
	}
	name := l.c.names.mark(mark)
	return l.swap(ctx, target, []action{
		// The index is still the one that was live: an empty one that a late
		// create request made under the same name has no mark.
		remove(target, name), add(target, name),
		add(target, l.c.names.mark(l.tag)),
	})
}

func (l *Lease) rollbackTarget(state indices, live, to string) (string, tag, error) {
	if to != "" {
		mark, marked := state.lastMark(to)
		switch _, there := state.aliases[to]; {
		case to == live:
			return "", tag{}, fmt.Errorf("rollback: %s is live already", to)
		case !there:
			return "", tag{}, l.notAGeneration(to, "there is no such index of this alias")
		case !marked:
			return "", tag{}, l.notAGeneration(to, "it was never live, so nothing says that it is complete")
		}
		return to, mark, nil
	}
	var target string
	var newest tag
	for _, index := range state.generations() {
		mark, marked := state.lastMark(index)
		if marked && index != live && (target == "" || mark.token > newest.token) {
			target, newest = index, mark
		}
	}
	if target == "" {
		return "", tag{}, &ShapeError{
			Alias: l.c.alias, Problem: "there is no earlier generation to roll back to",
			Advice: "set index.keep to 1 or more, so that runs keep one",
		}
	}
	return target, newest, nil
}

func (l *Lease) notAGeneration(index, why string) error {
	return &ShapeError{
		Alias: l.c.alias, Problem: fmt.Sprintf("%s is not a finished generation: %s", index, why),
		Advice: "see `status` for the generations there are",
	}
}
