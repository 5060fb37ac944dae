package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/drift"
	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

// message is one line of --json. message_type is phase, progress, error or
// summary; the summary comes last.
type message map[string]any

func (a *app) printJSON(v any) {
	// Every line says which index it is for.
	if m, ok := v.(message); ok && a.alias != "" && (m["alias"] == nil || m["alias"] == "") {
		m["alias"] = a.alias
	}
	// A closed pipe has nobody to tell.
	_ = json.NewEncoder(a.out).Encode(v) //nolint:errchkjson // as above; our own maps and structs encode
}

func errorMessage(err error) message {
	m := message{"message_type": "error", "error": err.Error(), "exit_code": exitCode(err)}
	if h := hint(err); h != "" {
		m["hint"] = h
	}
	return m
}

// printReport shows how a run ended: the result on the output stream, an error
// and what to do about it on the error stream.
func (a *app) printReport(r pipeline.Report, err error) {
	if err != nil {
		a.printError(err)
	}
	if a.json {
		a.printJSON(summary(r, err))
		return
	}
	fmt.Fprintln(a.out, sentence(r))
	if err == nil {
		a.printDetails(r)
	}
}

// printNotStarted ends the lines of --json with a summary where a command that
// has one did not get as far as its report: who reads the last line must find
// how it ended there, whatever kept it from starting.
func (a *app) printNotStarted(cmd *cobra.Command, err error) {
	switch {
	case !a.json:
	case cmd.Name() == "run" && !cmd.Flags().Changed("dry-run"): // which has a plan
		trigger, _ := cmd.Flags().GetString("trigger") // it is declared
		a.printJSON(summary(pipeline.Report{Outcome: pipeline.OutcomeFailed, Trigger: trigger}, err))
	case cmd.Name() == "verify":
		a.printJSON(driftMessage(drift.Report{}, err))
	}
}

// summary has the keys that other tools read.
func summary(r pipeline.Report, err error) message {
	m := message{
		"message_type":       "summary",
		"outcome":            r.Outcome,
		"alias":              r.Alias,
		"index":              r.Index,
		"previous":           r.Previous,
		"token":              r.Token,
		"run_id":             r.RunID,
		"trigger":            r.Trigger,
		"read":               r.Read,
		"acknowledged":       r.Acknowledged,
		"failed":             r.Failed,
		"pass_failed":        r.PassFailed,
		"lists":              r.Lists,
		"documents_verified": r.Verified,
		"retried":            r.Retried,
		"documents":          r.Documents,
		"orphan_rows":        r.Orphans,
		"orphan_lists":       orphanLists(r.OrphanLists),
		"bytes":              r.Bytes,
		"duration_ms":        r.Duration.Milliseconds(),
		"docs_per_second":    int64(r.DocumentsPerSecond()),
		"snapshot_at":        nil,
		"retired":            list(r.Deleted),
		"error":              nil,
		"passes":             r.Passes,
		"changed":            r.Changed,
		"removed":            r.Removed,
		"lag_ms":             nil,
		"guarantee":          cmp.Or(r.Guarantee, pipeline.GuaranteeNone),
		"left_to_writers":    r.LeftToWriters,
		"catch_up_error":     nil,
		"full_pass_reason":   nil,
		"phase_after_ms":     phaseTimes(r),
		"retire_error":       nil,
		"alias_warning":      nil,
		"replicas_warning":   nil,
		"not_retired":        notRetired(r),
		"load_duration_ms":   r.Loading.Milliseconds(),
		"first_document_ms":  r.FirstDocument.Milliseconds(),
		"bulk_latency_ms":    latencyMS(r.Latency),
	}
	if !r.SnapshotAt.IsZero() {
		m["snapshot_at"] = r.SnapshotAt.UTC().Format(time.RFC3339Nano)
	}
	if r.Outcome == pipeline.OutcomeSwapped {
		m["lag_ms"] = r.Lag.Milliseconds()
	}
	if r.CatchUpError != "" {
		m["catch_up_error"] = r.CatchUpError
	}
	if r.ReplicasWarning != "" {
		m["replicas_warning"] = r.ReplicasWarning
	}
	if r.AliasWarning != "" {
		m["alias_warning"] = r.AliasWarning
	}
	if r.FullPass != "" {
		m["full_pass_reason"] = r.FullPass
	}
	if r.RetireError != "" {
		m["retire_error"] = r.RetireError
	}
	if err != nil {
		m["error"] = err.Error()
	}
	return m
}

// notRetired is {} rather than null where there is nothing.
func notRetired(r pipeline.Report) map[string]string {
	if r.Left == nil {
		return map[string]string{}
	}
	return r.Left
}

// latencyMS has fractions: answers of a small load take less than one.
func latencyMS(l bulk.Latency) map[string]float64 {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	return map[string]float64{"p50": ms(l.P50), "p90": ms(l.P90), "p99": ms(l.P99), "max": ms(l.Max)}
}

func phaseTimes(r pipeline.Report) map[string]int64 {
	times := map[string]int64{}
	for _, p := range r.Phases {
		times[string(p.Phase)] = p.After.Milliseconds()
	}
	return times
}

// sentence says how the run ended in one line.
func sentence(r pipeline.Report) string {
	switch r.Outcome {
	case pipeline.OutcomeSwapped:
		from := "the first index"
		if r.Previous != "" {
			from = "before: " + r.Previous
		}
		return fmt.Sprintf("%s: swapped to %s, %s documents (%s)", r.Alias, r.Index, humanize.Comma(r.Documents), from)
	case pipeline.OutcomeSkipped:
		return fmt.Sprintf("%s: skipped, the live %s is young enough", r.Alias, r.Index)
	case pipeline.OutcomeBuilt:
		return fmt.Sprintf("%s: built %s, %s documents; not swapped, as asked; the next run retires it",
			r.Alias, r.Index, humanize.Comma(r.Documents))
	case pipeline.OutcomeLocked:
		return r.Alias + ": not started, another run is at work"
	case pipeline.OutcomeUnknown:
		return r.Alias + ": the outcome of the swap is unknown"
	case pipeline.OutcomeRefused, pipeline.OutcomeFailed, pipeline.OutcomeLost:
		if r.Previous == "" {
			return fmt.Sprintf("%s: %s, not swapped", r.Alias, r.Outcome)
		}
		return fmt.Sprintf("%s: %s, not swapped; the alias is still on %s", r.Alias, r.Outcome, r.Previous)
	case pipeline.OutcomePruned, pipeline.OutcomeUnlocked: // no outcomes of a run
	}
	return string(r.Outcome)
}

// printDetails shows the proof and the cost of a run that went well.
func (a *app) printDetails(r pipeline.Report) {
	if r.Outcome != pipeline.OutcomeSwapped && r.Outcome != pipeline.OutcomeBuilt {
		return
	}
	fmt.Fprintf(a.out, "  proof     %s read = %s acknowledged + %s failed; a search counts %s\n",
		humanize.Comma(r.Read), humanize.Comma(r.Acknowledged), humanize.Comma(r.Failed), humanize.Comma(r.Verified))
	fmt.Fprintf(a.out, "  speed     %s in %s: %s documents/s while loading, %s sent, %s retried\n",
		humanize.Comma(r.Acknowledged), r.Duration.Round(time.Millisecond), humanize.Comma(int64(r.DocumentsPerSecond())),
		humanize.IBytes(uint64(max(r.Bytes, 0))), humanize.Comma(r.Retried))
	fmt.Fprintf(a.out, "  snapshot  %s\n", r.SnapshotAt.UTC().Format(time.RFC3339))
	if r.Passes > 0 || r.Lag > 0 {
		fmt.Fprintf(a.out, "  catch-up  %d passes: %s changed, %s removed; last snapshot %s before the swap; guarantee: %s\n",
			r.Passes, humanize.Comma(r.Changed), humanize.Comma(r.Removed), r.Lag.Round(time.Millisecond), r.Guarantee)
	}
	if r.FullPass != "" {
		fmt.Fprintf(a.out, "            a pass read all documents, because %s\n", r.FullPass)
	}
	if r.PassFailed > 0 {
		fmt.Fprintf(a.out, "  rejected  %s documents in passes, besides those that failed in the load\n", humanize.Comma(r.PassFailed))
	}
	if r.CatchUpError != "" {
		fmt.Fprintf(a.out, "  warning   the pass after the swap was given up: %s\n", r.CatchUpError)
	}
	fmt.Fprintf(a.out, "  phases    %s\n", phaseLine(r.Phases))
	for _, field := range slices.Sorted(maps.Keys(r.OrphanLists)) {
		found := r.OrphanLists[field]
		fmt.Fprintf(a.out, "  orphans   %s rows of the list %s belong to no document; ids: %s\n",
			humanize.Comma(found.Rows), field, strings.Join(found.IDs, ", "))
	}
	if len(r.Deleted) > 0 {
		fmt.Fprintf(a.out, "  retired   %s\n", strings.Join(r.Deleted, ", "))
	}
	for _, index := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(a.out, "  kept      %s: %s\n", index, r.Left[index])
	}
	if r.ReplicasWarning != "" {
		fmt.Fprintf(a.out, "  warning   %s\n", r.ReplicasWarning)
	}
	if r.AliasWarning != "" {
		fmt.Fprintf(a.out, "  warning   %s\n", r.AliasWarning)
	}
}

// orphanLists has rows and first ids by list field.
func orphanLists(lists map[string]source.Orphans) map[string]any {
	out := make(map[string]any, len(lists))
	for field, found := range lists {
		out[field] = map[string]any{"rows": found.Rows, "ids": found.IDs}
	}
	return out
}

func phaseLine(phases []pipeline.PhaseTime) string {
	parts := make([]string, 0, len(phases))
	before := time.Duration(0)
	for _, p := range phases {
		if p.Phase.Former() {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s +%s", p.Phase, (p.After-before).Round(time.Millisecond)))
		before = p.After
	}
	return strings.Join(parts, ", ")
}
