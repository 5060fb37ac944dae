package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

// printPlan shows what --dry-run found out.
func (a *app) printPlan(alias string, p pipeline.Planned) {
	size := p.Documents * p.AverageBytes
	ranges := (p.Documents + source.DefaultRangeDocuments - 1) / source.DefaultRangeDocuments
	if a.json {
		a.printJSON(message{
			"message_type": "plan", "alias": alias, "index": p.Index, "live": p.Live, "documents": p.Documents,
			"live_documents": p.LiveDocuments, "average_bytes": p.AverageBytes, "json_bytes": size, "ranges": ranges,
			"would_retire": list(p.Retired), "would_keep": p.Left, "locked": p.Locked, "refused": refusal(p),
		})
		return
	}
	live := "nothing: the alias is new"
	if p.Live != "" {
		live = fmt.Sprintf("%s, %s documents", p.Live, documents(p.LiveDocuments))
	}
	retired := "nothing"
	if len(p.Retired) > 0 {
		retired = strings.Join(p.Retired, ", ")
	}
	fmt.Fprintf(a.out, "%s: a run that starts now would\n", alias)
	fmt.Fprintf(a.out, "  build    %s\n", p.Index)
	fmt.Fprintf(a.out, "  load     %s documents, about %s of JSON (%s each, over the first %s)\n",
		humanize.Comma(p.Documents), humanize.IBytes(uint64(max(0, size))), humanize.IBytes(uint64(max(0, p.AverageBytes))), humanize.Comma(p.SampledDocuments))
	fmt.Fprintf(a.out, "  in       about %s ranges of ids, about %s documents each\n", humanize.Comma(ranges), humanize.Comma(source.DefaultRangeDocuments))
	fmt.Fprintf(a.out, "  replace  %s\n", live)
	fmt.Fprintf(a.out, "  retire   %s\n", retired)
	for _, index := range slices.Sorted(maps.Keys(p.Left)) {
		fmt.Fprintf(a.out, "  keep     %s: %s\n", index, p.Left[index])
	}
	if p.Locked {
		h := p.Holder.Holder
		fmt.Fprintf(a.out, "  but now  the lock is held by run %s on host %s, pid %d\n", h.RunID, h.Host, h.PID)
	}
	if p.Refused != nil {
		fmt.Fprintf(a.out, "  and then %v\n", p.Refused)
	}
	fmt.Fprintln(a.out, "nothing was changed")
}

// refusal is what a gate would say, or null.
func refusal(p pipeline.Planned) any {
	if p.Refused == nil {
		return nil
	}
	return p.Refused.Error()
}
