package esalias

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"

	"example.com/reindex/internal/es"
)

// indices is what one answer of Elasticsearch, and so one cluster state, said
// about the alias and every index that could be a generation of it.
type indices struct {
	names   names
	aliases map[string][]string // index -> its aliases
}

// lookIndices reads all aliases of <alias>-* and of whatever carries, or is
// named like, the alias.
func (c *Client) lookIndices(ctx context.Context) (indices, error) {
	state := indices{names: c.names, aliases: map[string][]string{}}
	// A name that is not there is not an error of this request, and hidden
	// indices count: a user's settings may hide theirs.
	path := "/" + c.alias + "," + c.names.indexPattern() +
		"/_alias?ignore_unavailable=true&allow_no_indices=true&expand_wildcards=all"
	var answer map[string]struct {
		Aliases map[string]any `json:"aliases"`
	}
	err := c.ask(ctx, http.MethodGet, path, nil, &answer)
	if es.IsType(err, "index_not_found_exception") {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	for index, found := range answer {
		state.aliases[index] = slices.Sorted(maps.Keys(found.Aliases))
	}
	return state, nil
}

// highest is the highest token that an index still shows, by its number or by
// an alias that a run gave it: a rollback makes no index, and its token stands
// in the mark alone. 0 if there is none.
func (s indices) highest() int64 {
	var highest int64
	for index, aliases := range s.aliases {
		if token, ok := s.names.token(index); ok {
			highest = max(highest, token)
		}
		for _, name := range aliases {
			if k, t := s.names.parse(name); k != kindOther {
				highest = max(highest, t.token)
			}
		}
	}
	return highest
}

// carriers returns the indices that the live alias is on.
func (s indices) carriers() []string {
	var live []string
	for index, aliases := range s.aliases {
		if slices.Contains(aliases, s.names.alias) {
			live = append(live, index)
		}
	}
	slices.Sort(live)
	return live
}

// live returns the one index that the alias is on, or "" before the first
// swap. Any other shape is an error that a person must settle.
func (s indices) live() (string, error) {
	if _, squatter := s.aliases[s.names.alias]; squatter {
		return "", &ShapeError{
			Alias:   s.names.alias,
			Problem: "an index has the name of the alias",
			Indices: []string{s.names.alias},
			Advice:  "move its documents elsewhere and delete the index, or choose another alias; a swap cannot take its place",
		}
	}
	carriers := s.carriers()
	switch len(carriers) {
	case 0:
		return "", nil
	case 1:
		return carriers[0], nil
	}
	return "", &ShapeError{
		Alias:   s.names.alias,
		Problem: "the alias is on more than one index",
		Indices: carriers,
		Advice:  "take the alias off all of them but the right one (POST _aliases, action remove)",
	}
}

// marks returns the tags of the swaps that made index live.
func (s indices) marks(index string) []tag {
	var marks []tag
	for _, name := range s.aliases[index] {
		if k, t := s.names.parse(name); k == kindMark {
			marks = append(marks, t)
		}
	}
	return marks
}

// lastMark returns the newest mark of index; ok is false if it was never live.
func (s indices) lastMark(index string) (newest tag, ok bool) {
	for _, t := range s.marks(index) {
		if !ok || t.token > newest.token {
			newest, ok = t, true
		}
	}
	return newest, ok
}

// generations returns every index of this alias by number, highest first.
func (s indices) generations() []string {
	var found []string
	for index := range s.aliases {
		if _, ok := s.names.token(index); ok {
			found = append(found, index)
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		x, _ := s.names.token(a)
		y, _ := s.names.token(b)
		return cmp.Compare(y, x)
	})
	return found
}
