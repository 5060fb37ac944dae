package esalias_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/reindex/esalias/internal/memory"
	"example.com/reindex/esalias/leasetest"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
)

func TestMain(m *testing.M) {
	// Idle connections of the HTTP clients end with the process.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func TestContractInMemory(t *testing.T) {
	t.Parallel()
	leasetest.Run(t, func(*testing.T) leasetest.World {
		return leasetest.World{Transport: new(memory.Server), Alias: "persons", Lease: time.Second}
	})
}

func TestContractOnElasticsearch(t *testing.T) {
	t.Parallel()
	server := stacktest.Elasticsearch(t)
	leasetest.Run(t, func(t *testing.T) leasetest.World {
		t.Helper()
		transport, err := es.New(es.Config{Addresses: []string{server}})
		if err != nil {
			t.Fatal(err)
		}
		// A prefix may end in digits, which an alias may not.
		return leasetest.World{Transport: transport, Alias: stacktest.Prefix(t) + "x", Lease: 10 * time.Second}
	})
}
