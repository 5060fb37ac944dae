package esalias

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// indices is what one answer of Elasticsearch, and so one cluster state, said
// about the alias and every index that could be a generation of it.
type indices struct {
	names   names
	aliases map[string]map[string]aliasView // index -> alias
}

// lookIndices reads all aliases of <alias>-* and of whatever carries, or is
// named like, the alias.
func (c *Client) lookIndices(ctx context.Context) (indices, error) {
	state := indices{names: c.names, aliases: map[string]map[string]aliasView{}}
	var answer map[string]struct {
		Aliases map[string]aliasView `json:"aliases"`
	}
	// A name that is not there is not an error of this request, and hidden
	// indices count: a user's settings may hide theirs.
	yes := true
	err := c.ask(ctx, esapi.IndicesGetAliasRequest{
		Index:             []string{c.alias, c.names.indexPattern()},
		IgnoreUnavailable: &yes, AllowNoIndices: &yes, ExpandWildcards: "all",
	}, &answer)
	if es.IsType(err, "index_not_found_exception") {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	for index, found := range answer {
		state.aliases[index] = found.Aliases
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
		for name := range aliases {
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
		if _, carries := aliases[s.names.alias]; carries {
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
		Advice:  s.rightOne(carriers),
	}
}

// rightOne says which of several indices the alias belongs on, as far as the
// marks tell: the one that was made live last. Which is the write index tells
// nothing: a rollover makes an empty index and has writers go there.
func (s indices) rightOne(carriers []string) string {
	var right string
	var newest tag
	for _, index := range carriers {
		if mark, marked := s.lastMark(index); marked && mark.token > newest.token {
			right, newest = index, mark
		}
	}
	if right == "" {
		return "none of them was made live by this program; take the alias off all of them but the right one (POST _aliases, action remove)"
	}
	return fmt.Sprintf("%s is the one that the last swap of this program made live (its mark is %s); take the alias off the others "+
		"(POST _aliases, action remove), but look first whether writers have written to them since", right, s.names.mark(newest))
}

// strangers are the aliases of index that this program did not make: somebody
// uses it. The live alias is not among them.
func (s indices) strangers(index string) []string {
	var found []string
	for name := range s.aliases[index] {
		if k, _ := s.names.parse(name); k == kindOther && name != s.names.alias {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// inUse is why an index with such aliases is kept, or "".
func inUse(strangers []string) string {
	switch len(strangers) {
	case 0:
		return ""
	case 1:
		return "alias " + strangers[0] + " is on it, which this program did not make"
	}
	return "aliases " + strings.Join(strangers, ", ") + " are on it, which this program did not make"
}

// marks returns the tags of the swaps that made index live.
func (s indices) marks(index string) []tag {
	var marks []tag
	for name := range s.aliases[index] {
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
