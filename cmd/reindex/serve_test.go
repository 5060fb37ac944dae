package main

import (
	"strings"
	"testing"
)

func TestServeRefusesAnOpenAddress(t *testing.T) {
	t.Parallel()
	p := newProject(t, "postgres://127.0.0.1:1/nothing", notes())
	for _, listen := range []string{"0.0.0.0:18080", ":18080", "[::]:18080", "192.0.2.1:18080", "example.com:18080"} {
		r := p.run(t, "serve", "--listen", listen)
		if r.code != exitUsage || !strings.Contains(r.stderr, "serve.users_file") {
			t.Errorf("%s: %s", listen, r)
		}
	}
}
