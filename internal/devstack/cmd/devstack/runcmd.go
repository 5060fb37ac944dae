package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/reindex/internal/devstack"
)

// runCommand keeps the servers up while one command runs.
func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARG...]",
		Short: "Start both servers, run COMMAND with their addresses in its environment, stop them",
		Long: `Start both servers, run COMMAND, stop them, exit with COMMAND's exit code.

COMMAND finds the servers in ELASTICSEARCH_URL and DATABASE_URL, and so do tests in
REINDEX_TEST_ELASTICSEARCH_URL and REINDEX_TEST_DATABASE_URL; REINDEX_TEST_REQUIRED=1
makes a test that misses a server fail instead of skip.

The exit code is 125 if the servers did not start, 127 if COMMAND could not be
started, and 128 + N if COMMAND was ended by signal N.`,
		Args: cobra.MinimumNArgs(1),
	}
	opts := stackFlags(cmd)
	cmd.Flags().SetInterspersed(false) // the command's flags are its own
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return runWithStack(cmd, *opts, args)
	}
	return cmd
}

func runWithStack(cmd *cobra.Command, opts devstack.Options, args []string) (err error) {
	signals := make(chan os.Signal, 8) // room for those that arrive while the servers start
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	stack, err := startUnlessSignalled(cmd, opts, signals)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Close()) }()

	child := exec.CommandContext(cmd.Context(), args[0], args[1:]...) //nolint:gosec // G204: running it is the purpose
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, cmd.OutOrStdout(), cmd.ErrOrStderr()
	child.Env = append(os.Environ(), "REINDEX_TEST_REQUIRED=1")
	for _, v := range environment(stack) {
		child.Env = append(child.Env, v[0]+"="+v[1])
	}
	if err := child.Start(); err != nil {
		return &exitError{code: exitNoCommand, err: fmt.Errorf("run %s: %w", args[0], err)}
	}
	return exitOf(waitForwarding(child, signals))
}

// startUnlessSignalled gives the start up at the first signal.
func startUnlessSignalled(cmd *cobra.Command, opts devstack.Options, signals <-chan os.Signal) (*devstack.Stack, error) {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	started, signalled := make(chan struct{}), make(chan bool)
	go func() { // ends when the start has ended
		select {
		case <-signals:
			cancel()
			<-started
			signalled <- true
		case <-started:
			signalled <- false
		}
	}()
	stack, err := start(ctx, cmd.ErrOrStderr(), opts)
	close(started)
	switch {
	case !<-signalled:
		return stack, err
	case err == nil: // the signal came a moment too late to stop the start
		return nil, &exitError{code: exitInterrupted, err: stack.Close()}
	}
	return nil, &exitError{code: exitInterrupted}
}

// waitForwarding waits for the child and hands signals on to it.
func waitForwarding(child *exec.Cmd, signals <-chan os.Signal) error {
	ended := make(chan error, 1) // the child's end is stored even if nobody looks
	go func() { ended <- child.Wait() }()
	// At a terminal Ctrl-C has reached the child already, which is in the same
	// process group; a second one makes many programs give up at once.
	terminal := term.IsTerminal(int(os.Stdin.Fd()))
	for {
		select {
		case err := <-ended:
			return err
		case sig := <-signals:
			if sig != syscall.SIGINT || !terminal {
				_ = child.Process.Signal(sig) // it may just have ended
			}
		}
	}
}

// exitOf turns the child's end into our exit code.
func exitOf(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return &exitError{code: exitNoCommand, err: err}
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &exitError{code: 128 + int(status.Signal())}
	}
	return &exitError{code: exit.ExitCode()}
}
