package esalias

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"example.com/reindex/internal/es"
)

// Retired tells what became of the old generations.
type Retired struct {
	Deleted []string          // gone
	Kept    []string          // kept for rollback, newest first
	Left    map[string]string // would go, but for the reason given
}

// Retire deletes the generations that nobody needs: builds that were never
// finished, and finished ones older than the newest keep. It never touches the
// live index, an index with a higher number than this lease, an index whose
// _meta does not say that it is ours, or one that searches are still running
// on. After a swap of this lease the index that was replaced is given the
// grace time first.
//
// Each deletion is one request which also proves that this run still has its
// fence and that the index it saw live still is. With dryRun nothing is sent.
// An error is no reason to distrust the swap: what was left is retired by the
// next run.
func (l *Lease) Retire(ctx context.Context, keep int, dryRun bool) (Retired, error) {
	state, err := l.c.lookIndices(ctx)
	if err != nil {
		return Retired{}, fmt.Errorf("retire: %w", err)
	}
	live, err := state.live()
	if err != nil {
		return Retired{}, fmt.Errorf("retire: %w", err)
	}
	candidates, kept := l.candidates(state, live, keep)
	result := Retired{Kept: kept, Left: map[string]string{}}
	if live == "" && len(candidates) > 0 {
		// Nothing is live: nothing proves that a candidate is not about to be.
		for _, index := range candidates {
			result.Left[index] = "no index is live"
		}
		return result, nil
	}
	for _, index := range candidates {
		reason, err := l.mayRetire(ctx, index, dryRun)
		if err != nil {
			return result, fmt.Errorf("retire %s: %w", index, err)
		}
		if reason != "" {
			result.Left[index] = reason
			continue
		}
		if !dryRun {
			if err := l.delete(ctx, index, live); err != nil {
				return result, fmt.Errorf("retire %s: %w", index, err)
			}
		}
		result.Deleted = append(result.Deleted, index)
	}
	return result, nil
}

// candidates are the generations below this lease's token that are not live
// and not among the newest keep of those that once were.
func (l *Lease) candidates(state indices, live string, keep int) (candidates, kept []string) {
	var once []string
	for _, index := range state.generations() {
		token, _ := state.names.token(index)
		if index == live || token >= l.tag.token {
			continue
		}
		if _, marked := state.lastMark(index); marked {
			once = append(once, index)
		} else {
			candidates = append(candidates, index)
		}
	}
	slices.SortFunc(once, func(a, b string) int {
		x, _ := state.lastMark(a)
		y, _ := state.lastMark(b)
		return int(y.token - x.token)
	})
	keep = min(keep, len(once))
	return append(candidates, once[keep:]...), once[:keep]
}

// mayRetire returns why index must stay for now, or "".
func (l *Lease) mayRetire(ctx context.Context, index string, dryRun bool) (reason string, err error) {
	ours, err := l.c.isOurs(ctx, index)
	if es.IsStatus(err, http.StatusNotFound) {
		return "", nil // gone already; the request will say so
	}
	if err != nil {
		return "", err
	}
	if !ours {
		return "its _meta does not say that it belongs to alias " + l.c.alias, nil
	}
	if wait := l.c.opts.Grace - l.swapped.elapsed(); index == l.replaced && wait > 0 && !dryRun {
		if err := pause(ctx, wait); err != nil {
			return "", err
		}
	}
	searches, err := l.c.openSearches(ctx, index)
	if err != nil || searches == 0 {
		return "", err
	}
	return fmt.Sprintf("%d searches are running on it", searches), nil
}

// delete removes one index for good, if this run still has its fence and live
// still is live: then index is not, in that same cluster state.
func (l *Lease) delete(ctx context.Context, index, live string) error {
	names := l.c.names
	guard := names.claim(l.tag)
	if l.live != "" {
		guard = names.done(l.tag)
	}
	for {
		err := l.c.updateAliases(ctx,
			remove(names.lockIndex(), guard), add(names.lockIndex(), guard),
			remove(live, names.alias), addLive(live, names.alias),
			removeIndex(index))
		if err == nil {
			l.c.opts.Log.InfoContext(ctx, "index deleted", slog.String("index", index))
			return nil
		}
		if answered(err) {
			return l.whyKept(ctx, index, err)
		}
		if err := pause(ctx, l.c.opts.Lease/30); err != nil {
			return err
		}
	}
}

// whyKept tells a refusal because the index is gone from one that matters.
func (l *Lease) whyKept(ctx context.Context, index string, refusal error) error {
	if !es.IsStatus(refusal, http.StatusNotFound) {
		return refusal
	}
	state, err := l.c.lookIndices(ctx)
	if err != nil {
		return errors.Join(refusal, err)
	}
	if _, there := state.aliases[index]; !there {
		return nil
	}
	return fmt.Errorf("another run has claimed the alias: %w", refusal)
}

// isOurs reports whether the mapping's _meta names this alias and the number
// in the index's name.
func (c *Client) isOurs(ctx context.Context, index string) (bool, error) {
	meta, err := c.metas(ctx, index)
	if err != nil {
		return false, err
	}
	token, _ := c.names.token(index)
	m, ok := meta[index]
	return ok && m.Alias == c.alias && m.Token == token, nil
}

// metas reads _meta.reindex of every index that pattern matches.
func (c *Client) metas(ctx context.Context, pattern string) (map[string]Meta, error) {
	var answer map[string]struct {
		Mappings struct {
			Meta struct {
				Reindex *Meta `json:"reindex"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	path := "/" + pattern + "/_mapping?expand_wildcards=all&filter_path=*.mappings._meta.reindex"
	if err := c.do(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return nil, err
	}
	metas := map[string]Meta{}
	for index, found := range answer {
		if found.Mappings.Meta.Reindex != nil {
			metas[index] = *found.Mappings.Meta.Reindex
		}
	}
	return metas, nil
}

// openSearches counts queries, fetches and open contexts (scrolls, points in
// time) on index.
func (c *Client) openSearches(ctx context.Context, index string) (int64, error) {
	var answer struct {
		All struct {
			Total struct {
				Search struct {
					Query   int64 `json:"query_current"`
					Fetch   int64 `json:"fetch_current"`
					Scroll  int64 `json:"scroll_current"`
					Context int64 `json:"open_contexts"`
				} `json:"search"`
			} `json:"total"`
		} `json:"_all"`
	}
	err := c.do(ctx, http.MethodGet, "/"+index+"/_stats/search", nil, &answer)
	if es.IsStatus(err, http.StatusNotFound) {
		return 0, nil
	}
	s := answer.All.Total.Search
	return max(s.Query+s.Fetch+s.Scroll, s.Context), err
}
