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
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runmodel:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

type options struct {
	dir     string
	cache   string
	large   bool
	only    string
	jobs    int
	timeout time.Duration
}

func parseOptions(args []string) (options, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	var o options
	flags := flag.NewFlagSet("runmodel", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", filepath.Join("docs", "protocol"), "folder of the models")
	flags.StringVar(&o.cache, "cache", filepath.Join(cache, "reindex-model"), "folder for the TLA+ tools")
	flags.BoolVar(&o.large, "large", false, "check the large set instead of the small one")
	flags.StringVar(&o.only, "run", "", "check only configurations whose name matches this expression")
	flags.IntVar(&o.jobs, "jobs", 2, "checks at the same time, each on one core")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Minute, "limit for one check")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if o.jobs < 1 {
		return options{}, fmt.Errorf("jobs is %d, want at least 1", o.jobs)
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	checks, err := selectChecks(o)
	if err != nil {
		return err
	}
	jar, err := fetchTools(ctx, o.cache)
	if err != nil {
		return err
	}
	return checkAll(ctx, o, jar, checks, out)
}

func selectChecks(o options) ([]check, error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	set := "small"
	if o.large {
		set = "large"
	}
	all, err := readChecks(filepath.Join(o.dir, set))
	if err != nil {
		return nil, err
	}
	var chosen []check
	for _, c := range all {
		if only.MatchString(c.name) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no configuration in %s/%s matches %q", o.dir, set, o.only)
	}
	return chosen, nil
}

// checkAll runs the checks and prints one line for each as it ends.
func checkAll(ctx context.Context, o options, jar string, checks []check, out io.Writer) error {
	started := time.Now()
	results := make(chan result)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.jobs + 1) // and the one that hands out the work
	group.Go(func() error {
		for _, c := range checks {
			group.Go(func() error {
				r, err := c.run(ctx, o, jar)
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				select {
				case results <- r:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		}
		return nil
	})
	failed := make(chan error, 1) // one value, read after results is closed
	go func() {
		failed <- group.Wait()
		close(results)
	}()
	wrong := 0
	fmt.Fprintf(out, "%-4s %-28s %-26s %-26s %20s %6s %8s\n",
		"", "check", "expected", "result", "states", "depth", "cpu s")
	for r := range results {
		fmt.Fprintln(out, r)
		if !r.asExpected() {
			wrong++
		}
	}
	if err := <-failed; err != nil {
		return err
	}
	fmt.Fprintf(out, "%d checks in %.0f s, %d not as expected\n", len(checks), time.Since(started).Seconds(), wrong)
	if wrong > 0 {
		return fmt.Errorf("%d of %d checks differ from what they expect", wrong, len(checks))
	}
	return nil
}
