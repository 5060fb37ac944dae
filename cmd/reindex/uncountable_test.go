package main

import (
	"net/http"
	"strings"
	"testing"

	"example.com/reindex/internal/faultproxy"
)

// A live index that is closed, or whose only shard is away, is what a rebuild
// is to replace. The gate max_shrink cannot be asked about it.
func TestLiveIndexThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, p *project, proxy *faultproxy.Proxy, live string)
		says   string
	}{
		{"closed", func(t *testing.T, p *project, _ *faultproxy.Proxy, live string) {
			t.Helper()
			p.ask(t, http.MethodPost, "/"+live+"/_close", "")
		}, "index_closed_exception"},
		{"red", func(_ *testing.T, _ *project, proxy *faultproxy.Proxy, live string) {
			proxy.On(faultproxy.Rule{
				Path: live + "/_count$", Do: faultproxy.Fail, Status: http.StatusServiceUnavailable, // as 8.19.7 answers
				Answer: `{"error":{"type":"search_phase_execution_exception","reason":"all shards failed"},"status":503}`,
			})
		}, "search_phase_execution_exception"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, proxy := editedProject(t, 5, false)
			live := p.carriers(t, p.alias)[0]
			test.damage(t, p, proxy, live)
			if r := p.run(t, "check"); r.code != 1 || !strings.Contains(r.stdout, "cannot be counted") || !strings.Contains(r.stdout, "--max-shrink off") {
				t.Errorf("check says nothing: %s", r)
			}
			before := len(proxy.Requests())
			wantRefused(t, p.run(t, "run"), 4, []string{"gate max_shrink", live, test.says, "--max-shrink off"})
			for _, r := range proxy.Requests()[before:] {
				if strings.Contains(r.Path, bulkPath) {
					t.Error("the run loaded documents before it was refused")
				}
			}
			if s := p.succeed(t, "run", "--max-shrink", "off", "--json").summary(t); s["outcome"] != "swapped" || s["previous"] != live {
				t.Errorf("summary %v", s)
			}
			if got := p.documents(t, p.alias); len(got) != 5 {
				t.Errorf("%d documents, want 5", len(got))
			}
			p.lockIsFree(t)
		})
	}
}
