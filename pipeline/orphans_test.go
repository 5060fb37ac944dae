package pipeline

import (
	"errors"
	"strings"
	"testing"

	"example.com/reindex/internal/source"
)

func TestRowsWithoutADocumentCanBeAGate(t *testing.T) {
	t.Parallel()
	found := map[string]source.Orphans{"tags": {Rows: 3, IDs: []string{"4", "9"}}, "notes": {Rows: 1, IDs: []string{"7"}}}
	limit := func(n int64) *int64 { return &n }
	for _, tt := range []struct {
		most  *int64
		found map[string]source.Orphans
		want  string
	}{
		{nil, found, ""},
		{limit(0), nil, ""},
		{limit(4), found, ""},
		{limit(3), found, "gate max_orphans: 4 rows of lists belong to no document, at most 3 are allowed: 1 of the list notes (ids: 7), 3 of the list tags (ids: 4, 9)"},
	} {
		err := Gates{MaxOrphans: tt.most}.judgeOrphans(tt.found)
		var gate *GateError
		if (err == nil) != (tt.want == "") || err != nil && (!errors.As(err, &gate) || !strings.HasSuffix(err.Error(), tt.want) || gate.Hint() == "") {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}
