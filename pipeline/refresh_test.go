package pipeline

import (
	"testing"

	"example.com/reindex/internal/bulk"
)

func TestRefreshIsDue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sent, documents, counted, last, shards int64 // MiB, documents of 1 MiB
		want                                   bool
	}{
		"before anything was sent":                {sent: 0, counted: 300, shards: 1},
		"64 MiB, not counted yet":                 {sent: 64, documents: 64, shards: 1, want: true},
		"less, not counted yet":                   {sent: 63, documents: 63, shards: 1},
		"64 MiB, far from the end":                {sent: 164, documents: 164, last: 100, counted: 300, shards: 1, want: true},
		"less, far from the end":                  {sent: 160, documents: 160, last: 100, counted: 300, shards: 1},
		"64 MiB for two shards":                   {sent: 164, documents: 164, last: 100, counted: 600, shards: 2},
		"128 MiB for two shards":                  {sent: 228, documents: 228, last: 100, counted: 600, shards: 2, want: true},
		"as much as is left":                      {sent: 180, documents: 180, last: 160, counted: 200, shards: 1, want: true},
		"less than is left":                       {sent: 179, documents: 179, last: 160, counted: 200, shards: 1},
		"more than is left, which is too little":  {sent: 193, documents: 193, last: 160, counted: 200, shards: 1},
		"less than pays":                          {sent: 191, documents: 191, last: 184, counted: 200, shards: 1},
		"more documents than were counted":        {sent: 300, documents: 300, last: 100, counted: 200, shards: 1},
		"64 MiB of a billion documents":           {sent: 900_000, documents: 900_000, last: 899_936, counted: 1_000_000_000, shards: 1, want: true},
		"all of a small index":                    {sent: 20, documents: 20, counted: 20, shards: 1},
		"half of an index smaller than one share": {sent: 20, documents: 20, counted: 40, shards: 1, want: true},
	} {
		c := bulk.Counts{Bytes: tt.sent << 20, Read: tt.documents}
		if got := refreshDue(c, tt.counted, tt.last<<20, tt.shards); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
