package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/preflight"
	"example.com/reindex/internal/source"
)

var errProblems = errors.New("a run would fail")

func (a *app) checkCommand() *cobra.Command {
	s := selection{every: true}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Try every precondition of a run and say what to do",
		Long: `Ask both servers what a run would stumble over: versions, privileges, the shape
of the alias, index templates, room on disk and in the shard budget, the plans
of the queries, duplicate ids, standbys and poolers. It changes nothing. Each
line is ok, warning or problem; status 1 if there is a problem.

` + exitStatusHelp,
		Example: `  reindex check
  reindex check --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd, args, s, func(a *app, c *config.Config) error {
				a.heading(c)
				return a.printFindings(a.preflight(cmd.Context(), c))
			})
		},
	}
	s.add(cmd)
	return cmd
}

// preflight looks at both sides, each as far as it can be reached.
func (a *app) preflight(ctx context.Context, c *config.Config) []preflight.Finding {
	findings := append(lookAtDatabase(ctx, c), a.lookAtElasticsearch(ctx, c)...)
	for i, f := range findings {
		if f.Err != nil && hint(f.Err) != "" {
			findings[i].Hint = hint(f.Err) // as a run would say it
		}
	}
	return findings
}

func lookAtDatabase(ctx context.Context, c *config.Config) []preflight.Finding {
	var inspection source.Inspection
	src, err := openSource(ctx, c.Source, false)
	if err == nil {
		inspection, err = src.Inspect(ctx)
		src.Close()
	}
	if source.LacksPrivilege(err) {
		inspection.Unreadable, _ = preflight.Unreadable(ctx, c.Source.URL.Reveal(), queries(c.Source)) // err names one of them
	}
	return preflight.PostgreSQL(inspection, err)
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

func (a *app) lookAtElasticsearch(ctx context.Context, c *config.Config) []preflight.Finding {
	target, err := a.target(c, newClients(c))
	if err != nil {
		return []preflight.Finding{{
			Subject: "elasticsearch", Level: preflight.Problem, Text: err.Error(), Hint: "see elasticsearch in the configuration",
		}}
	}
	return preflight.Elasticsearch(ctx, target)
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
