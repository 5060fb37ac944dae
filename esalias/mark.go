package esalias

import (
	"context"
	"fmt"
)

// LiveMark returns the index behind the alias and its newest mark, the alias
// that names this index for as long as it exists: a write through the mark
// cannot reach the index of a later run. mark is "" if no swap of this package
// made the index live; both are "" before the first swap. The error may be a
// [*ShapeError].
func (c *Client) LiveMark(ctx context.Context) (index, mark string, err error) {
	state, err := c.lookIndices(ctx)
	if err != nil {
		return "", "", fmt.Errorf("read alias %s: %w", c.alias, err)
	}
	if index, err = state.live(); err != nil {
		return "", "", err
	}
	if newest, ok := state.lastMark(index); ok {
		mark = c.names.mark(newest)
	}
	return index, mark, nil
}
