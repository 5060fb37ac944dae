package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // a container may have no time zones

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/serve"
	"example.com/reindex/internal/serve/auth"
	"example.com/reindex/internal/serve/jobs"
	"example.com/reindex/internal/serve/schedule"
	"example.com/reindex/internal/serve/watch"
)

const (
	// actorVariable names the person for whom a process was started.
	actorVariable = "REINDEX_ACTOR"
	// maxConnections is how many are open at once; more wait.
	maxConnections = 2000
	// stopGrace is what a run that was sent SIGTERM needs at most.
	stopGrace = 12 * time.Second
)

func (a *app) serveCommand() *cobra.Command {
	var noSchedule bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Show every index and run on a page, start them from there and on schedule",
		Long: `Serve a page and an API that show what every index and every run is doing, on
any server, and start the same commands as a person at a terminal: run, stop,
verify, repair, rollback, prune, unlock. An index with a schedule is rebuilt by
it. Any number of servers may do so at once: every run goes through the lock.

A run is a process of its own. When this server is stopped, serve.on_stop and
serve.stop_timeout say what becomes of one.

It listens on 127.0.0.1:8080, where only this machine reaches it, and everybody
on this machine may do everything. Any other address is refused without
serve.users_file or serve.proxy_networks. See docs/serve.md.

` + exitStatusHelp,
		Example: `  reindex serve
  reindex serve --listen 127.0.0.1:9000 --no-schedule
  reindex serve password alice --role operator >> users`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd, noSchedule) },
	}
	cmd.Flags().String("listen", "", "address, host:port (default 127.0.0.1:8080)")
	cmd.Flags().BoolVar(&noSchedule, "no-schedule", false, "the page only; start no run by itself")
	cmd.AddCommand(a.servePasswordCommand(), a.serveTokenCommand())
	return cmd
}

func (a *app) serve(cmd *cobra.Command, noSchedule bool) error {
	set, err := a.loadAll(cmd)
	if err != nil {
		return err
	}
	gate, err := gateOf(set.Serve)
	if err != nil {
		return usageError{err: err, command: cmd.CommandPath()}
	}
	log := a.serveLogger()
	runner, err := a.runner(cmd)
	if err != nil {
		return err
	}
	_, _, err = cmd.Root().Find([]string{"swap"})
	promote := err == nil
	server, err := a.server(set, gate, runner, a.childArgs(cmd), noSchedule, promote, log)
	if err != nil {
		return err
	}
	listener, err := listenAt(cmd.Context(), set.Serve)
	if err != nil {
		return err
	}
	a.tell("reindex: serving %d indices at %s\n", len(set.Indices), addressOf(set.Serve))
	return serveUntil(cmd.Context(), server, runner, listener, set.Serve, log)
}

// serveUntil serves until ctx ends; then the runs have their time, and only
// after that the page goes away.
func serveUntil(ctx context.Context, server *serve.Server, runner *jobs.Runner, listener net.Listener, c config.Serve, log *slog.Logger) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan struct{})
	go func() { // ends with running
		defer close(done)
		server.Run(running)
	}()
	web := server.HTTP()
	web.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }() // ends with Shutdown
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(running, c.StopTimeout)
	defer cancel()
	if c.OnStop == config.OnStopStop {
		cancel()
	}
	if left := runner.Close(finish, max(stopGrace, c.StopTimeout)); left > 0 {
		log.WarnContext(ctx, "runs go on without this server", slog.Int("runs", left))
	}
	stop()
	<-done
	closing, end := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer end()
	_ = web.Shutdown(closing) // what is left then is cut off
	_ = web.Close()
	return err
}

// serveLogger writes what people did and what goes wrong to the error stream.
func (a *app) serveLogger() *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if a.verbose {
		options.Level = slog.LevelDebug
	}
	if a.json {
		return slog.New(slog.NewJSONHandler(a.err, options))
	}
	return slog.New(slog.NewTextHandler(a.err, options))
}

// errOpen is why an address is refused.
var errOpen = errors.New("other machines reach this address, and anybody could rebuild and roll back: name serve.users_file or serve.proxy_networks, or listen on 127.0.0.1")

// gateOf says who may come in.
func gateOf(c config.Serve) (*auth.Gate, error) {
	gate := &auth.Gate{
		Proxy:  auth.Proxy{Networks: c.ProxyNetworks, Operators: c.ProxyOperators},
		Secure: c.TLSCert.Path != "",
	}
	if len(c.ProxyNetworks) > 0 {
		gate.Proxy.Header = c.ProxyHeader
	}
	if (c.TLSCert.Path == "") != (c.TLSKey.Path == "") {
		return nil, errors.New("serve.tls_cert and serve.tls_key go together")
	}
	if c.UsersFile != "" {
		users, err := auth.ReadUsers(c.UsersFile)
		if err != nil {
			return nil, fmt.Errorf("serve.users_file: %w", err)
		}
		gate.Users = users
	}
	if gate.Users == nil && len(c.ProxyNetworks) == 0 {
		host, _, err := net.SplitHostPort(c.Listen)
		ip := net.ParseIP(host)
		if err != nil || (host != "localhost" && (ip == nil || !ip.IsLoopback())) {
			return nil, fmt.Errorf("serve.listen is %s: %w", c.Listen, errOpen)
		}
		gate.Open = true
	}
	return auth.NewGate(gate), nil
}

func listenAt(ctx context.Context, c config.Serve) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("serve.listen: %w", err)
	}
	l = netutil.LimitListener(l, maxConnections)
	if c.TLSCert.Path == "" {
		return l, nil
	}
	t, err := serve.TLS(l, []byte(c.TLSCert.Text), []byte(c.TLSKey.Text))
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("serve.tls_cert, serve.tls_key: %w", err)
	}
	return t, nil
}

func addressOf(c config.Serve) string {
	if c.TLSCert.Path != "" {
		return "https://" + c.Listen
	}
	return "http://" + c.Listen
}

func (a *app) runner(*cobra.Command) (*jobs.Runner, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return &jobs.Runner{Program: program, ActorVariable: actorVariable}, nil
}

// childArgs makes the arguments that a child begins with.
func (a *app) childArgs(cmd *cobra.Command) func(command, index string) []string {
	named := cmd.Flags().Changed("config")
	return func(command, index string) []string {
		args := []string{command}
		if index != "" {
			args = append(args, index)
		}
		args = append(args, "--json")
		if named {
			args = append(args, "--config="+a.configPath)
		}
		return args
	}
}

func (a *app) server(set *config.Set, gate *auth.Gate, runner *jobs.Runner, args func(command, index string) []string, noSchedule, promote bool, log *slog.Logger) (*serve.Server, error) {
	who := holder("")
	options := serve.Options{
		Runner: runner, Args: args, Promote: promote, Gate: gate, Host: who.Host, Listen: set.Serve.Listen, Version: who.Version, Log: log,
		Shown: func(err error) string {
			text := err.Error()
			for _, c := range set.Indices {
				text = scrub(c, text)
			}
			return text
		},
	}
	for _, c := range set.Indices {
		index, err := servedIndex(c, set.Serve, noSchedule)
		if err != nil {
			return nil, err
		}
		options.Indices = append(options.Indices, index)
	}
	return serve.New(options)
}

func servedIndex(c *config.Config, shared config.Serve, noSchedule bool) (serve.Index, error) {
	transport, err := elasticsearch(c.Elasticsearch, 4)
	if err != nil {
		return serve.Index{}, err
	}
	reader, err := watch.NewElastic(transport, c.Alias)
	if err != nil {
		return serve.Index{}, err
	}
	index := serve.Index{
		Name: c.Name, Alias: c.Alias, Reader: reader, Notes: reader.Notes(), Keep: c.Index.Keep,
		Ping: func(ctx context.Context) error { return ping(ctx, c.Source.URL.Reveal()) },
	}
	if c.Schedule.Cron == "" || noSchedule {
		return index, nil
	}
	zone := c.Schedule.TimeZone
	if zone == nil {
		zone = shared.TimeZone
	}
	cron, err := schedule.ParseCron(c.Schedule.Cron, zone)
	if err != nil {
		return serve.Index{}, fmt.Errorf("schedule of %s: %w", c.Name, err)
	}
	index.Plan = &schedule.Plan{
		Index: c.Name, Cron: cron, Jitter: c.Schedule.Jitter, IfOlderThan: c.Schedule.IfOlderThan, OnStart: c.Schedule.OnStart,
	}
	return index, nil
}

// ping asks whether the database answers.
func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it was for one question
	return conn.Ping(ctx)
}

func (a *app) servePasswordCommand() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "password NAME",
		Short: "Read a password and print a line for serve.users_file",
		Example: `  reindex serve password alice --role operator >> users
  reindex serve password bob --role viewer < file`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkUser(args[0], role); err != nil {
				return usageError{err: err, command: cmd.CommandPath()}
			}
			a.tell("Password of %s: ", args[0])
			password, err := readPassword(cmd.InOrStdin())
			a.tell("\n")
			if err != nil {
				return usageError{err: err, command: cmd.CommandPath()}
			}
			line, err := auth.HashPassword(args[0], auth.Role(role), password)
			if err == nil {
				fmt.Fprintln(a.out, line)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&role, "role", "viewer", "viewer or operator")
	return cmd
}

func (a *app) serveTokenCommand() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:     "token NAME",
		Short:   "Make a token; print a line for serve.users_file, and the token on the error stream",
		Example: `  reindex serve token prometheus --role viewer >> users`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkUser(args[0], role); err != nil {
				return usageError{err: err, command: cmd.CommandPath()}
			}
			token, line := auth.NewToken(args[0], auth.Role(role))
			fmt.Fprintf(a.err, "%s\n", token)
			fmt.Fprintln(a.out, line)
			return nil
		},
	}
	cmd.Flags().StringVar(&role, "role", "viewer", "viewer or operator")
	return cmd
}

func checkUser(name, role string) error {
	switch {
	case role != string(auth.Viewer) && role != string(auth.Operator):
		return fmt.Errorf("--role is %q, want viewer or operator", role)
	case name == "" || strings.ContainsAny(name, ":# \t\r\n"):
		return fmt.Errorf("NAME is %q, want one word without : and #", name)
	}
	return nil
}
