package esalias

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// States of a generation.
const (
	StateLive     = "live"
	StatePrevious = "previous" // once live; can be rolled back to
	StateBuilding = "building" // of the run that holds the claim
	StateOrphan   = "orphan"   // of a run that did not finish
)

// Generation is one index of the alias.
type Generation struct {
	Index     string
	Token     int64
	State     string
	Documents int64 // -1 if they cannot be counted, as while a shard is away
	CreatedAt time.Time
	Meta      Meta // zero if the index has none
	// SwapToken is that of the last swap that made it live; 0 if none did.
	SwapToken int64
	// Strangers are aliases on it that this program did not make. An index that
	// has one is not deleted.
	Strangers []string
}

// Status is what one look at the cluster shows.
type Status struct {
	Alias         string
	Live          string     // index; "" if the alias does not exist
	LiveToken     int64      // of the swap that made it live; 0 if no swap of this package did
	LiveDocuments int64      // -1 if they cannot be counted
	Properties    Properties // of the alias on Live; a swap carries them over
	SwappedAt     time.Time  // when Live became live; zero if not known
	Locked        bool       // a record says held; only watching it tells a dead holder
	Record        Record     // zero if there is none
	Generations   []Generation
	NextIndex     string      // what a run that starts now would build
	Shape         *ShapeError // nil if all is as it should be
}

// Status reads the alias, the lease and the generations. It takes no lease and
// changes nothing. A shape that needs a person is reported, not an error.
func (c *Client) Status(ctx context.Context) (Status, error) {
	status := Status{Alias: c.alias}
	state, err := c.lookIndices(ctx)
	if err != nil {
		return status, fmt.Errorf("status: %w", err)
	}
	if status.Live, err = state.live(); err == nil {
		status.Properties, err = state.properties(status.Live)
	}
	if err != nil && !errors.As(err, &status.Shape) {
		return status, fmt.Errorf("status: %w", err)
	}
	if mark, ok := state.lastMark(status.Live); ok {
		status.LiveToken = mark.token
	}
	f, err := c.statusLock(ctx, &status)
	if err != nil {
		return status, fmt.Errorf("status: %w", err)
	}
	status.NextIndex = c.names.index(max(status.Record.Token, f.tag.token, state.highest()) + 1)
	claim := f.tag
	if !f.claimed {
		claim = tag{}
	}
	if status.Live != "" {
		status.LiveDocuments = c.countOrMinus(ctx, status.Live)
	}
	if status.LiveToken != 0 && status.Record.SwappedToken == status.LiveToken {
		status.SwappedAt = status.Record.SwappedAt
	}
	if status.Generations, err = c.listGenerations(ctx, state, claim); err != nil {
		return status, fmt.Errorf("status: %w", err)
	}
	return status, nil
}

// statusLock fills the lease in, and returns the fence, zero if there is none.
func (c *Client) statusLock(ctx context.Context, status *Status) (fence, error) {
	f, err := c.lookFence(ctx)
	if es.IsType(err, "index_not_found_exception") {
		return fence{}, nil // no run yet
	}
	if err != nil {
		var shape *ShapeError
		if !errors.As(err, &shape) {
			return fence{}, err
		}
		if status.Shape == nil { // one at a time
			status.Shape = shape
		}
		return fence{}, nil
	}
	record, err := c.readRecord(ctx)
	if err != nil {
		return fence{}, err
	}
	status.Record = record.Record
	status.Locked = record.found && record.State == StateHeld
	return f, nil
}

func (c *Client) listGenerations(ctx context.Context, state indices, claim tag) ([]Generation, error) {
	names := state.generations()
	if len(names) == 0 {
		return nil, nil
	}
	metas, err := c.metas(ctx, c.names.indexPattern())
	if err != nil {
		return nil, err
	}
	created, err := c.creationDates(ctx)
	if err != nil {
		return nil, err
	}
	live := state.carriers()
	list := make([]Generation, 0, len(names))
	for _, index := range names {
		token, _ := c.names.token(index)
		g := Generation{
			Index: index, Token: token, Meta: metas[index], CreatedAt: created[index], State: StateOrphan,
			Strangers: state.strangers(index),
		}
		mark, marked := state.lastMark(index)
		g.SwapToken = mark.token
		switch {
		case slices.Contains(live, index): // readers see it, whatever else carries the alias
			g.State = StateLive
		case marked:
			g.State = StatePrevious
		case claim.token == token && claim.run != "":
			g.State = StateBuilding
		}
		g.Documents = c.countOrMinus(ctx, index)
		list = append(list, g)
	}
	return list, nil
}

// Kept returns why the generation is not deleted although nobody needs it for a
// rollback, as far as its aliases tell, or "".
func (g Generation) Kept() string { return inUse(g.Strangers) }

// Retires returns what [Lease.Retire] with keep would delete after a swap that
// is done now, when the index that is live has become the newest of the earlier
// ones, and what it would leave, with the reason.
func (s Status) Retires(keep int) (deleted []string, left map[string]string) {
	var never, once []Generation
	for _, g := range s.Generations {
		if g.SwapToken == 0 && g.State != StateLive {
			never = append(never, g)
		} else {
			once = append(once, g)
		}
	}
	slices.SortFunc(once, func(a, b Generation) int { return cmp.Compare(b.SwapToken, a.SwapToken) })
	left = map[string]string{}
	for _, g := range append(never, once[min(max(keep, 0), len(once)):]...) {
		switch {
		case g.Kept() != "":
			left[g.Index] = g.Kept()
		case g.Meta.Alias != s.Alias || g.Meta.Token != g.Token:
			left[g.Index] = notOurs(s.Alias)
		default:
			deleted = append(deleted, g.Index)
		}
	}
	return deleted, left
}

func (c *Client) creationDates(ctx context.Context) (map[string]time.Time, error) {
	var answer map[string]struct {
		Settings struct {
			Index struct {
				Created int64 `json:"creation_date,string"`
			} `json:"index"`
		} `json:"settings"`
	}
	request := esapi.IndicesGetSettingsRequest{
		Index: []string{c.names.indexPattern()}, Name: []string{"index.creation_date"}, ExpandWildcards: "all",
	}
	if err := c.ask(ctx, request, &answer); err != nil {
		return nil, err
	}
	dates := map[string]time.Time{}
	for index, found := range answer {
		dates[index] = time.UnixMilli(found.Settings.Index.Created).UTC()
	}
	return dates, nil
}

// Live returns the index behind the alias, "" before the first swap, or a
// [*ShapeError].
func (c *Client) Live(ctx context.Context) (string, error) {
	state, err := c.lookIndices(ctx)
	if err != nil {
		return "", fmt.Errorf("read alias %s: %w", c.alias, err)
	}
	live, err := state.live()
	if err == nil {
		_, err = state.properties(live)
	}
	return live, err
}

// countOrMinus counts, and is -1 where that is not possible.
func (c *Client) countOrMinus(ctx context.Context, index string) int64 {
	n, err := c.Count(ctx, index)
	if err != nil {
		return -1
	}
	return n
}
