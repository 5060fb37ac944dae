package main

import (
	"testing"

	"example.com/reindex/internal/config"
)

// A run has three clients however many of its parts ask for one.
func TestClientsAreMadeOnce(t *testing.T) {
	t.Parallel()
	reach := newClients(&config.Config{Elasticsearch: config.Elasticsearch{URLs: []string{"http://127.0.0.1:9200"}}})
	seen := map[any]bool{}
	for range 2 {
		for _, client := range []func() (transport any, err error){
			func() (any, error) { return reach.control() },
			func() (any, error) { return reach.bulk() },
			func() (any, error) { return reach.history() },
		} {
			transport, err := client()
			if err != nil {
				t.Fatal(err)
			}
			seen[transport] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d clients, want 3", len(seen))
	}
}
