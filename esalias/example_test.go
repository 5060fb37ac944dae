package esalias_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/esalias"
	"example.com/reindex/esalias/internal/memory"
)

// A program with a loader of its own rebuilds the index behind an alias.
func Example() {
	ctx := context.Background()
	var transport esapi.Transport = new(memory.Server) // yours: see ExampleNew
	c, err := esalias.New(transport, "persons", esalias.Options{})
	if err != nil {
		panic(err)
	}
	lease, err := c.Acquire(ctx, esalias.Holder{Host: "blue", PID: os.Getpid(), RunID: esalias.NewRunID(), Trigger: "manual"}, 0)
	if err != nil {
		panic(err) // a *HeldError says who is at work
	}
	defer func() { _ = lease.Release(ctx) }()
	build, err := lease.Create(lease.Context(), json.RawMessage(`{"settings":{"number_of_replicas":0}}`), esalias.Meta{})
	if err != nil {
		panic(err)
	}
	// Load documents here: POST /<build.Writer>/_bulk?require_alias=true, with
	// lease.Context(). Then prove that all of them are there, and only then swap.
	if _, err := build.Finish(lease.Context()); err != nil {
		panic(err)
	}
	swapped, err := lease.Swap(lease.Context(), build)
	if err != nil {
		panic(err) // see Lease.Swap for what each error promises
	}
	fmt.Println("live:", swapped.Index)
	// Output: live: persons-000001
}

// The transport must never send a request again by itself, for a repeated write
// is refused against its own first copy.
func ExampleNew() {
	transport, err := elastictransport.NewClient(elastictransport.WithDisableRetry())
	if err != nil {
		panic(err)
	}
	c, err := esalias.New(transport, "persons", esalias.Options{Lease: time.Minute})
	fmt.Println(c.Alias(), err)
	// Output: persons <nil>
}

// A run that meets another one learns who that is.
func ExampleHeldError() {
	ctx := context.Background()
	c, err := esalias.New(new(memory.Server), "persons", esalias.Options{Lease: time.Second})
	if err != nil {
		panic(err)
	}
	first, err := c.Acquire(ctx, esalias.Holder{Host: "blue", PID: 7, RunID: esalias.NewRunID()}, 0)
	if err != nil {
		panic(err)
	}
	defer func() { _ = first.Release(ctx) }()
	_, err = c.Acquire(ctx, esalias.Holder{Host: "green", PID: 8, RunID: esalias.NewRunID()}, 0)
	if held, ok := errors.AsType[*esalias.HeldError](err); ok {
		fmt.Println("held by", held.Record.Holder.Host)
	}
	// Output: held by blue
}
