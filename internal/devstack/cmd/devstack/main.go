// Command devstack starts a real PostgreSQL and a real Elasticsearch on this
// machine: `up` until Ctrl-C, `run` for as long as one command takes. It is a
// tool of this repository, for demonstrations, tests and benchmarks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/reindex/internal/devstack"
)

// Exit codes of devstack itself; `run` exits with the code of its command.
const (
	exitUsage       = 2
	exitStart       = 125 // the servers did not start, as with `docker run`
	exitNoCommand   = 127 // the command could not be started, as in a shell
	exitInterrupted = 130 // a signal came before the servers were up
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // this is main
}

// run executes one command line and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "devstack",
		Short:         "Start real PostgreSQL and Elasticsearch on this machine",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(upCommand(), runCommand(), missingCommand())
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		if exit.err != nil {
			fmt.Fprintln(stderr, "devstack:", exit.err)
		}
		return exit.code
	}
	fmt.Fprintln(stderr, "devstack:", err)
	return exitUsage
}

// exitError is an error with an exit code of its own. Without err nothing is
// printed: the command that ran has said what there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d: %v", e.code, e.err) }
func (e *exitError) Unwrap() error { return e.err }

// stackFlags adds what both commands share.
func stackFlags(cmd *cobra.Command) *devstack.Options {
	var opts devstack.Options
	flags := cmd.Flags()
	flags.StringVar(&opts.Dir, "dir", "", "keep the data in this folder (default: a temporary folder)")
	flags.StringVar(&opts.Elasticsearch.Version, "version", devstack.Version8, "version of Elasticsearch")
	flags.StringVar(&opts.Postgres.Version, "postgres", "", "major version of PostgreSQL, of "+strings.Join(devstack.PostgresVersions(), ", ")+
		" (default: the installed one, or 17)")
	flags.IntVar(&opts.Elasticsearch.Nodes, "nodes", 1, "number of Elasticsearch nodes")
	flags.IntVar(&opts.Elasticsearch.HeapMB, "heap", 1024, "heap of each Elasticsearch node in MiB")
	return &opts
}

// start starts the servers and says so on stderr.
func start(ctx context.Context, stderr io.Writer, opts devstack.Options) (*devstack.Stack, error) {
	fmt.Fprintf(stderr, "devstack: starting PostgreSQL%s and Elasticsearch %s\n", spaced(opts.Postgres.Version), opts.Elasticsearch.Version)
	began := time.Now()
	stack, err := devstack.Start(ctx, opts)
	if err != nil {
		return nil, &exitError{code: exitStart, err: err}
	}
	fmt.Fprintf(stderr, "devstack: ready after %.1f s\n", time.Since(began).Seconds())
	return stack, nil
}

func spaced(version string) string {
	if version == "" {
		return ""
	}
	return " " + version
}

// environment returns the variables that name the servers: to the program
// itself, and to the tests (see package stacktest).
func environment(stack *devstack.Stack) [][2]string {
	return [][2]string{
		{"ELASTICSEARCH_URL", stack.Elasticsearch.URL()},
		{"DATABASE_URL", stack.Postgres.URL()},
		{"REINDEX_TEST_ELASTICSEARCH_URL", stack.Elasticsearch.URL()},
		{"REINDEX_TEST_DATABASE_URL", stack.Postgres.URL()},
	}
}
