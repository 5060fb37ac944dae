// Command refresh writes the documents of single persons into the live index,
// as a service would after each edit:
//
//	ELASTICSEARCH_URL=... DATABASE_URL=... go run ./examples/livewriter/refresh 17 18
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/livewriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := refresh(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "refresh:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func refresh(ctx context.Context, out io.Writer) error {
	alias := flag.String("alias", "persons", "that readers search")
	flag.Parse()
	if flag.NArg() == 0 {
		return errors.New("name the ids of the persons")
	}
	query, err := livewriter.PersonQuery()
	if err != nil {
		return err
	}
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	w := &livewriter.Writer{
		DB: db, HTTP: &http.Client{Timeout: 10 * time.Second}, URL: os.Getenv("ELASTICSEARCH_URL"), Alias: *alias, Query: query,
	}
	for _, id := range flag.Args() {
		outcome, err := w.Refresh(ctx, id)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s\n", id, outcome)
	}
	return nil
}
