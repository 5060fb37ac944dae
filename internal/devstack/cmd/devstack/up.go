package main

import (
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// upCommand keeps the servers up until it is told to stop.
func upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start both servers, print how to reach them, stop them at Ctrl-C",
		Args:  cobra.NoArgs,
	}
	opts := stackFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		stack, err := start(ctx, cmd.ErrOrStderr(), *opts)
		if err != nil {
			if ctx.Err() != nil {
				return &exitError{code: exitInterrupted}
			}
			return err
		}
		defer func() { err = errors.Join(err, stack.Close()) }()
		out := cmd.OutOrStdout()
		fmt.Fprintf(out, "Elasticsearch  %s\nPostgreSQL     %s\n\n", stack.Elasticsearch.URL(), stack.Postgres.URL())
		for _, v := range environment(stack) {
			fmt.Fprintf(out, "export %s='%s'\n", v[0], v[1])
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "\ndevstack: Ctrl-C stops both servers")
		<-ctx.Done()
		return nil
	}
	return cmd
}
