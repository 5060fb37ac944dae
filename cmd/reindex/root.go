package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
)

// streams are where results (out) and everything for people (err) go.
type streams struct {
	out, err io.Writer
}

// app is what every command shares.
type app struct {
	streams
	configPath string
	json       bool
	verbose    bool
	// alias is that of the index a command is for, once that is known. several
	// says that the command is for others too.
	alias   string
	several bool
	full    *serverMessages
	note    func(kind, text string) // gets what is logged, if it is not nil
}

// execute runs one command line and returns its exit status.
func execute(args []string, s streams) int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	a := &app{streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(s.out)
	root.SetErr(s.err)
	cmd, err := root.ExecuteContextC(ctx)
	a.full.failed(err)
	if err := a.full.close(); err != nil {
		a.logger().ErrorContext(ctx, "messages of servers not kept", slog.Any("error", err)) // the outcome stands
	}
	if err == nil {
		return exitOK
	}
	if _, reported := errors.AsType[reportedError](err); !reported {
		a.printError(err)
		a.printNotStarted(cmd, err)
	}
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	if a.full == nil {
		a.full = &serverMessages{}
	}
	root := &cobra.Command{
		Use:   "reindex",
		Short: "Rebuild an Elasticsearch index from PostgreSQL and swap its alias atomically",
		Long: `reindex builds a fresh Elasticsearch index from one PostgreSQL snapshot, proves
it complete, and moves the alias to it in one atomic step. However many copies
of it run at the same time, on however many servers, one of them swaps; readers
see one complete index, one document per id, and nothing else.

` + exitStatusHelp,
		Example: `  reindex run                         # rebuild and swap
  reindex run --trigger scheduled     # the same, from cron, on every server
  reindex status                      # what is live, who is at work
  reindex status --json | jq .live`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVarP(&a.configPath, "config", "c", defaultConfig, "configuration `file`, or folder of several; also REINDEX_CONFIG")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print results as JSON, one object a line")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "log what happens in the background")
	root.PersistentFlags().StringVar(&a.full.path, "server-messages", "", "append what servers said in full, values of documents included, to this `file`")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{err: err, command: cmd.CommandPath()}
	})
	root.AddCommand(a.verifyCommand(), a.historyCommand(), a.benchCommand())
	root.AddCommand(a.runCommand(), a.checkCommand(), a.initCommand(), a.manCommand(), a.statusCommand(), a.rollbackCommand(), a.pruneCommand(), a.unlockCommand(), a.versionCommand(), a.serveCommand())
	for _, cmd := range root.Commands() {
		cmd.Args = usageArgs(cmd.Args)
		for _, sub := range cmd.Commands() {
			sub.Args = usageArgs(sub.Args)
		}
	}
	return root
}

// usageArgs makes a wrong number of arguments a usage error; the default is
// that a command takes none.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		check = cobra.NoArgs
	}
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err: err, command: cmd.CommandPath()}
		}
		return nil
	}
}

// usageError is a command line that cannot be understood.
type usageError struct {
	err     error
	command string
}

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }
func (e usageError) Hint() string  { return "`" + e.command + " --help` shows how to call it" }

// logger writes warnings, and with --verbose everything, to the error stream.
func (a *app) logger() *slog.Logger {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	handler := slog.Handler(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
	if a.note != nil {
		handler = noting{Handler: handler, note: a.note}
	}
	return slog.New(handler)
}

// printError tells a person, or a program, what went wrong and what to do.
func (a *app) printError(err error) {
	if a.json {
		a.printJSON(errorMessage(err))
		return
	}
	of := ""
	if a.several {
		of = a.alias + ": "
	}
	for _, one := range problems(err) {
		fmt.Fprintf(a.err, "reindex: %s%v\n", of, one)
		if h := hint(one); h != "" {
			fmt.Fprintf(a.err, "  hint: %s\n", strings.ReplaceAll(h, "\n", "\n  hint: "))
		}
	}
}

// reportedError is an error that its command has already shown.
type reportedError struct{ err error }

func (e reportedError) Error() string { return e.err.Error() }
func (e reportedError) Unwrap() error { return e.err }
