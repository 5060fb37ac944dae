package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"example.com/reindex/internal/devstack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := bench(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	stop()
	os.Exit(1) //nolint:forbidigo,gocritic // this is main, and stop was called
}

// options say what to measure.
type options struct {
	persons int
	rounds  int
	warm    int      // documents before the first round
	ways    []string // by name, in the order they take turns
	out     string   // folder for the JSON file
	pages   int      // of the old job's pages, how many are measured
	edits   int      // a second, in ways that are edited meanwhile
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.persons, "n", 350_000, "how many `persons`")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each way is measured")
	flags.IntVar(&o.warm, "warm", 400_000, "`documents` to load first: a young JVM runs at a third of its speed")
	flags.IntVar(&o.pages, "pages", 4, "how many pages of the old job's are measured")
	flags.IntVar(&o.edits, "edits", 500, "how many edits a second -ways edited,edited-live make")
	flags.StringVar(&o.out, "out", "out", "`folder` for the figures as JSON")
	ways := flags.String("ways", strings.Join(wayNames(), ","), "what to measure, in this order; run:<flags and variables> for reindex run --catch-up off with them")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.ways = strings.Split(*ways, ",")
	for _, name := range o.ways {
		if _, err := wayOf(name); err != nil {
			return o, err
		}
	}
	if o.persons < 100 || o.rounds < 1 || o.pages < 1 || o.edits < 1 {
		return o, errors.New("want -n of at least 100, -rounds, -pages and -edits of at least 1")
	}
	return o, nil
}

// bench starts servers of its own, measures, and prints and keeps the figures.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "reindex-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	fmt.Fprintln(stderr, "starting PostgreSQL and Elasticsearch (2 GB heap)")
	stack, err := devstack.Start(ctx, devstack.Options{Elasticsearch: devstack.ElasticsearchOptions{HeapMB: 2048}})
	if err != nil {
		return err
	}
	defer stack.Close()
	report, err := measure(ctx, o, servers{
		elasticsearch: stack.Elasticsearch.URL(), database: stack.Postgres.URL(), prefix: "bench-", work: work,
	}, stderr)
	if err != nil {
		return err
	}
	report.table(stdout)
	name := filepath.Join(o.out, time.Now().UTC().Format("20060102-150405")+".json")
	if err := report.write(name); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "figures: %s\n", name)
	return nil
}
