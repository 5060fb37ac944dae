package preflight

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"example.com/reindex/internal/source"
)

// PostgreSQL turns a look at the database into findings. err is what the look
// ended with, if it could not be finished; then found has what is known beside.
func PostgreSQL(found source.Inspection, err error) []Finding {
	if err != nil {
		findings := []Finding{{
			Subject: "postgresql", Level: Problem, Text: err.Error(), Err: err,
			Hint: "see the message; a run would stop there too",
		}}
		if len(found.Unreadable) > 0 {
			findings = append(findings, tables(found))
		}
		return findings
	}
	findings := []Finding{
		ok("postgresql", "version "+found.Version),
		standby(found),
		sharing(found),
		tables(found),
		ids(found),
		connections(found),
	}
	if len(found.Policies) > 0 {
		findings = append(findings, warning("row security", "policies show the role a part of the rows of "+strings.Join(found.Policies, ", ")+
			", and the index will hold that part (source.row_security: apply)", "this is right for an index of one tenant only"))
	}
	for _, column := range found.Unstable {
		findings = append(findings, warning("stable rows", column.String()+" changes each time it is read: a run compares documents without it,"+
			" and verify cannot compare them", (&source.UnstableError{}).Hint()))
	}
	if found.Spread == nil {
		findings = append(findings, passes(found))
	}
	for _, scan := range found.Scans {
		findings = append(findings, warning("scan of "+scan.Table, fmt.Sprintf(
			"%s: PostgreSQL reads all of it (%s rows) again for every range of ids; the time grows with the square of the rows", scan.Query, humanize.Comma(scan.Rows)),
			scan.Cure))
	}
	if len(found.Warnings) == 0 && len(found.Scans) > 0 {
		return findings
	}
	if len(found.Warnings) == 0 {
		return append(findings, ok("plans", "every query reads only the range it is asked for"))
	}
	for i, w := range found.Warnings {
		findings = append(findings, warning(fmt.Sprintf("plans %d", i+1), w,
			"rewrite the query so that the condition on the id reaches its tables"))
	}
	return findings
}

func standby(found source.Inspection) Finding {
	if !found.Standby {
		return ok("standby", "the server is a primary")
	}
	return warning("standby", "the server is a standby: replay can cancel a long snapshot, the catch-up passes see edits late, and"+
		" where a transaction has 64 subtransactions or more at the time of a snapshot, connections of one run may read different states"+
		" (seen on 14.19, 15.19, 16.10, 17.6, 17.11, 18.0 and 18.6; 15.20 is right; this server is "+found.Version+")",
		"read from the primary; or set hot_standby_feedback, or raise max_standby_streaming_delay above the length of a run")
}

// RefuseStandby returns an [Error] if the server of the connection string is a
// standby. Whoever deletes what the source does not have must not ask one: it
// may be behind, and what is new looks as if it were too much.
func RefuseStandby(ctx context.Context, url string) error {
	standby, err := source.IsStandby(ctx, url)
	if err != nil || !standby {
		return err
	}
	return &Error{Finding: problem("standby",
		"the database is a standby and may be behind: a repair could delete documents that are newer",
		"point source.url (DATABASE_URL) at the primary for a repair, or rebuild with `reindex run`")}
}

func sharing(found source.Inspection) Finding {
	if found.Spread == nil {
		return ok("snapshot", "a second connection can join the snapshot of the first")
	}
	return problem("snapshot", found.Spread.Error(),
		"connect to the server itself, not through a load balancer or a pooler in statement mode; a pooler in session or transaction mode works if all connections reach one server")
}

// passes says what catch-up passes will cost.
func passes(found source.Inspection) Finding {
	if why := found.FullPasses; why != nil {
		return warning("passes", "each catch-up pass will read all documents, because "+why.Why,
			cmp.Or(why.Remedy, "docs/operations.md, a pass reads all documents"))
	}
	text := "a catch-up pass reads only the documents that have changed"
	if len(found.Unkeyed) > 0 {
		text += ", or all of them if one of these tables has: " + strings.Join(found.Unkeyed, ", ")
	}
	return ok("passes", text)
}

func connections(found source.Inspection) Finding {
	free := found.Sessions
	if free.Free >= source.SessionsNeeded {
		return ok("connections", fmt.Sprintf("a run needs %d at once, %d are free", source.SessionsNeeded, free.Free))
	}
	return problem("connections", fmt.Sprintf("a run needs %d at once, and %d are free by %s", source.SessionsNeeded, max(free.Free, 0), free.Limit),
		"raise the limit, or end sessions that are not needed (pg_stat_activity)")
}

func tables(found source.Inspection) Finding {
	if len(found.Unreadable) == 0 {
		return ok("tables", "all may be read")
	}
	list := strings.Join(found.Unreadable, ", ")
	return problem("tables", "may not be read: "+list, "GRANT SELECT ON "+list+" TO the role of the run")
}

func ids(found source.Inspection) Finding {
	if len(found.Duplicates) > 0 {
		return problem("ids", "the document query has more than one row for id "+strings.Join(found.Duplicates, ", "),
			"it fans out; move what comes many times into a list query, or choose one row with LATERAL ... LIMIT 1")
	}
	if found.Documents == 0 {
		return warning("ids", "the document query has no rows", "a run would refuse to swap an empty index in (--allow-empty)")
	}
	return ok("ids", humanize.Comma(found.Documents)+" documents, each id once")
}
