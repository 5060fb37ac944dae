package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/preflight"
	"example.com/reindex/internal/source"
)

var errProblems = errors.New("a run would fail")

func (a *app) checkCommand() *cobra.Command {
	s := selection{every: true}
	var tryIndex bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Try every precondition of a run and say what to do",
		Long: `Ask both servers what a run would stumble over: versions, privileges, the shape
of the alias, index templates, room on disk and in the shard budget, the plans
of the queries, duplicate ids, standbys and poolers. Elasticsearch judges the
index body and the first documents without making anything; where it cannot
(before 8.16, or without the privilege) --try-index lets check make an index and
delete it. Otherwise it changes nothing. Each line is ok, warning or problem;
status 1 if there is a problem.

` + exitStatusHelp,
		Example: `  reindex check
  reindex check --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd, args, s, func(a *app, c *config.Config) error {
				a.heading(c)
				return a.printFindings(a.preflight(cmd.Context(), c, tryIndex))
			})
		},
	}
	s.add(cmd)
	cmd.Flags().BoolVar(&tryIndex, "try-index", false, "make an index, load the first documents and delete it, where nothing can be simulated")
	return cmd
}

// preflight looks at both sides, each as far as it can be reached.
func (a *app) preflight(ctx context.Context, c *config.Config, tryIndex bool) []preflight.Finding {
	findings, samples := lookAtDatabase(ctx, c)
	findings = append(findings, a.lookAtElasticsearch(ctx, c, samples, tryIndex)...)
	for i, f := range findings {
		if f.Err != nil && hint(f.Err) != "" {
			findings[i].Hint = hint(f.Err) // as a run would say it
		}
	}
	return findings
}

const (
	// sampleDocuments and sampleBytes bound what check reads and sends.
	sampleDocuments = 500
	sampleBytes     = 8 << 20
)

var errEnough = errors.New("enough")

// sampleOf reads the first documents, as a run would send them.
func sampleOf(ctx context.Context, src *source.Source) (samples []preflight.Sample, err error) {
	snapshot, err := src.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	size := 0
	_, err = snapshot.Stream(ctx, func(d document.Document) error {
		samples = append(samples, preflight.Sample{ID: string(d.ID), JSON: bytes.Clone(d.JSON)})
		if size += len(d.JSON); len(samples) == sampleDocuments || size > sampleBytes {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return samples, errors.Join(err, snapshot.Close())
}

func lookAtDatabase(ctx context.Context, c *config.Config) ([]preflight.Finding, []preflight.Sample) {
	var inspection source.Inspection
	var samples []preflight.Sample
	var columns []source.Column
	var unread error
	src, err := openSource(ctx, c.Source, false)
	if err == nil {
		columns = src.Columns()
		inspection, err = src.Inspect(ctx)
		if err == nil {
			samples, unread = sampleOf(ctx, src)
		}
		src.Close()
	}
	if source.LacksPrivilege(err) {
		inspection.Unreadable, _ = source.Unreadable(ctx, c.Source.URL.Reveal(), queries(c.Source)) // err names one of them
	}
	findings := preflight.PostgreSQL(inspection, err)
	findings = append(findings, preflight.Columns(columns, c.Index.Body)...)
	if unread != nil {
		findings = append(findings, preflight.Finding{
			Subject: "first documents", Level: preflight.Problem, Text: unread.Error(), Err: unread,
			Hint: "see the message; a run would stop there too",
		})
	}
	return findings, samples
}

// queries are the texts of all queries.
func queries(c config.Source) []string {
	all := []config.Query{c.Document}
	for _, o := range c.Objects {
		all = append(all, o.Query)
	}
	for _, l := range c.Lists {
		all = append(all, l.Query)
	}
	var list []string
	for _, q := range all {
		list = append(list, q.Text)
		for _, look := range q.Lookups {
			list = append(list, look.Text)
		}
	}
	return list
}

func (a *app) lookAtElasticsearch(ctx context.Context, c *config.Config, samples []preflight.Sample, tryIndex bool) []preflight.Finding {
	target, err := a.target(c, newClients(c))
	if err != nil {
		return []preflight.Finding{{
			Subject: "elasticsearch", Level: preflight.Problem, Text: err.Error(), Hint: "see elasticsearch in the configuration",
		}}
	}
	target.ID, target.Body, target.Samples, target.MayCreate = c.Source.ID, c.Index.Body, samples, tryIndex
	return append(preflight.Elasticsearch(ctx, target), preflight.Contents(c.Index.Body))
}

// cheapChecks are those that every run can afford.
func (a *app) cheapChecks(ctx context.Context, c *config.Config, reach clients) error {
	target, err := a.target(c, reach)
	if err != nil {
		return err
	}
	return preflight.Cheap(ctx, target)
}

func (a *app) target(c *config.Config, reach clients) (preflight.Target, error) {
	transport, err := reach.control()
	if err != nil {
		return preflight.Target{}, err
	}
	alias, err := a.aliasOf(c, reach)
	if err != nil {
		return preflight.Target{}, err
	}
	return preflight.Target{
		ES: transport, Alias: alias, Lease: c.Lock.Lease,
		Shards:   bodySetting(c.Index.Body, "number_of_shards"),
		Replicas: bodySetting(c.Index.Body, "number_of_replicas"), CountsLive: c.Gates.MaxShrink < 1,
	}, nil
}

// bodySetting reads a number of the index body in its usual spellings;
// Elasticsearch's default for both is 1.
func bodySetting(body json.RawMessage, name string) int {
	var b struct {
		Settings map[string]any `json:"settings"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return 1 // the run reports it
	}
	nested, _ := b.Settings["index"].(map[string]any)
	for _, value := range []any{b.Settings[name], b.Settings["index."+name], nested[name]} {
		if n, err := strconv.Atoi(fmt.Sprint(value)); err == nil {
			return n
		}
	}
	return 1
}

func (a *app) printFindings(findings []preflight.Finding) error {
	problems, warnings := 0, 0
	for _, f := range findings {
		switch f.Level {
		case preflight.Problem:
			problems++
		case preflight.Warning:
			warnings++
		case preflight.OK:
		}
		if a.json {
			a.printJSON(message{
				"message_type": "finding", "subject": f.Subject, "level": f.Level, "text": f.Text, "hint": f.Hint,
			})
			continue
		}
		fmt.Fprintf(a.out, "%-8s %-14s %s\n", f.Level, f.Subject, f.Text)
		if f.Hint != "" {
			fmt.Fprintf(a.out, "%-8s %-14s -> %s\n", "", "", f.Hint)
		}
	}
	if a.json {
		a.printJSON(message{"message_type": "summary", "problems": problems, "warnings": warnings})
	} else {
		fmt.Fprintf(a.out, "\n%d problems, %d warnings\n", problems, warnings)
	}
	if problems > 0 {
		return reportedError{errProblems}
	}
	return nil
}
