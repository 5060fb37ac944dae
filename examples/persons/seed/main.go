// Command seed fills the database named by DATABASE_URL, or by the PG*
// variables, with the persons example:
//
//	DATABASE_URL=postgres://postgres@localhost/tis go run ./examples/persons/seed -n 20000
//
// The database must exist and hold no persons yet; the role must be a superuser.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/examples/persons"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := seed(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		stop()
		os.Exit(1) //nolint:forbidigo,gocritic // this is main, and stop was called
	}
}

func seed(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("seed", flag.ContinueOnError)
	n := flags.Int("n", 20_000, "how many `persons`")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	conn, err := connect(ctx, out)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))

	start := time.Now()
	fmt.Fprintf(out, "seeding %d persons\n", *n)
	if err := persons.Seed(ctx, conn, *n); err != nil {
		return err
	}
	fmt.Fprintf(out, "done in %s\n", time.Since(start).Round(100*time.Millisecond))
	return nil
}

// connect opens a connection whose notices, one for each step, go to out.
func connect(ctx context.Context, out io.Writer) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil { // not wrapped: it quotes the string, and with it the password
		return nil, errors.New("DATABASE_URL cannot be read: want postgres://user:password@host:5432/database")
	}
	conf.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		fmt.Fprintf(out, "  %s\n", n.Message)
	}
	return pgx.ConnectConfig(ctx, conf)
}
