// Command demo shows the night of the incident, and why it cannot happen
// again: two servers, blue and green, start the same rebuild in the same
// instant, and one of them swaps.
//
// It wants ELASTICSEARCH_URL and DATABASE_URL, which `make demo` sets, and the
// path of the built binary. It fills a database, runs the binary twice at once,
// and then looks at every document through the alias.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/persons"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := demo(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func demo(ctx context.Context, out io.Writer) error {
	binary := flag.String("reindex", "bin/reindex", "the built `binary`")
	config := flag.String("config", "examples/persons/reindex.yaml", "its configuration `file`")
	count := flag.Int("n", 50_000, "how many persons")
	flag.Parse()

	say(out, "Filling the person tables (%d persons)", *count)
	if err := fill(ctx, *count); err != nil {
		return err
	}
	say(out, "01:29 - blue starts by schedule; green restarted and starts too, in the same instant")
	codes, err := together(ctx, out,
		server{name: "blue", trigger: "scheduled", binary: *binary, config: *config},
		server{name: "green", trigger: "restart", binary: *binary, config: *config})
	if err != nil {
		return err
	}
	say(out, "Exit statuses: blue %d, green %d (0: swapped; 11: another run holds the lock)", codes[0], codes[1])
	if codes[0]+codes[1] != 11 || codes[0]*codes[1] != 0 {
		return errors.New("want exactly one swap and one exit 11")
	}
	say(out, "What is live now")
	status := exec.CommandContext(ctx, *binary, "status", "--config", *config) //nolint:gosec // our own binary
	status.Stdout, status.Stderr = out, out
	if err := status.Run(); err != nil {
		return fmt.Errorf("status: %w", err)
	}
	say(out, "Looking at every person through the alias, as a user's list would")
	seen, err := everyPerson(ctx, os.Getenv("ELASTICSEARCH_URL"), "persons")
	if err != nil {
		return err
	}
	say(out, "%d persons found, every one of them exactly once", seen)
	return nil
}

func fill(ctx context.Context, n int) error {
	conn, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return persons.Seed(ctx, conn, n)
}

// server is one of the machines that cron starts the run on.
type server struct{ name, trigger, binary, config string }

// together starts all servers before it waits for any, and returns their exit
// statuses.
func together(ctx context.Context, out io.Writer, servers ...server) ([]int, error) {
	var lines sync.Mutex
	var wait sync.WaitGroup
	codes := make([]int, len(servers))
	for i, s := range servers {
		cmd := exec.CommandContext(ctx, s.binary, "run", "--trigger", s.trigger, "--config", s.config, "--progress", "plain") //nolint:gosec // our own binary
		read, write := io.Pipe()
		cmd.Stdout, cmd.Stderr = write, write
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("start %s: %w", s.binary, err)
		}
		wait.Go(func() { prefix(out, &lines, s.name, read) })
		wait.Go(func() {
			err := cmd.Wait()
			codes[i] = cmd.ProcessState.ExitCode()
			write.CloseWithError(errors.Join(err, io.EOF))
		})
	}
	wait.Wait()
	return codes, ctx.Err()
}

// prefix copies lines, each with the name of the server in front.
func prefix(out io.Writer, lines *sync.Mutex, name string, from io.Reader) {
	scanner := bufio.NewScanner(from)
	for scanner.Scan() {
		lines.Lock()
		fmt.Fprintf(out, "  %-6s| %s\n", name, scanner.Text())
		lines.Unlock()
	}
}

func say(out io.Writer, format string, args ...any) {
	fmt.Fprintf(out, "\n%s  "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}
