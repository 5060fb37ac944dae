package main

import (
	"cmp"
	"fmt"
	"syscall"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

// breakdown is something that happens in the middle of a load.
type breakdown struct {
	name  string
	do    func(t *testing.T, proxy *faultproxy.Proxy, p *project, running *process)
	args  []string
	code  int
	says  []string
	left  bool // the run cannot tidy up; the next one does
	lease string
	rows  int
	slow  bool // its lease is long, so the next one is helped with unlock
}

const bulkPath = "/_bulk"

func breakdowns() []breakdown {
	return []breakdown{
		{
			name: "SIGTERM", code: 143, says: []string{"interrupted by SIGTERM"},
			do: func(t *testing.T, _ *faultproxy.Proxy, _ *project, running *process) {
				t.Helper()
				running.signal(t, syscall.SIGTERM)
			},
		},
		{
			name: "SIGINT", code: 130, says: []string{"interrupted by SIGINT"},
			do: func(t *testing.T, _ *faultproxy.Proxy, _ *project, running *process) {
				t.Helper()
				running.signal(t, syscall.SIGINT)
			},
		},
		{
			name: "bulk requests fail until patience ends", args: []string{"--retry-for", "1s"},
			code: 1, says: []string{"given up after 1s", "bulk request to"},
			do: func(_ *testing.T, proxy *faultproxy.Proxy, _ *project, _ *process) {
				proxy.Clear()
				proxy.On(faultproxy.Rule{Path: bulkPath, Do: faultproxy.Refuse})
			},
		},
		{
			name: "a proxy sends bulk requests twice", code: 1, says: []string{"came twice", "a proxy repeated its request"},
			do: func(_ *testing.T, proxy *faultproxy.Proxy, _ *project, _ *process) {
				proxy.Clear()
				proxy.On(faultproxy.Rule{Path: bulkPath, Do: faultproxy.Duplicate})
			},
		},
		{
			name: "Elasticsearch is gone", lease: shortLease, code: 12, left: true,
			says: []string{"lease lost: no renewal was acknowledged", "safe to run again"},
			do: func(_ *testing.T, proxy *faultproxy.Proxy, _ *project, _ *process) {
				proxy.Clear()
				proxy.On(faultproxy.Rule{Do: faultproxy.Refuse})
			},
		},
		{
			name: "Elasticsearch is gone for longer than a request may take", args: []string{"--lease", "10m", "--retry-for", "1s"},
			code: 1, left: true, slow: true, says: []string{"given up after 1s", "tidy up"},
			do: func(_ *testing.T, proxy *faultproxy.Proxy, _ *project, _ *process) {
				proxy.Clear()
				proxy.On(faultproxy.Rule{Do: faultproxy.Refuse})
			},
		},
		{
			name: "the lock is taken by force", code: 12, says: []string{"lease lost", "took over"},
			do: func(t *testing.T, proxy *faultproxy.Proxy, p *project, _ *process) {
				t.Helper()
				p.unlock(t)
				proxy.Clear()
			},
			left: true,
		},
		{
			// More rows than the readers hold in memory, so that there is more to read.
			name: "PostgreSQL ends the run's sessions", rows: 60_000, code: 1, says: []string{"document.sql", "the snapshot is lost"},
			do: func(t *testing.T, proxy *faultproxy.Proxy, p *project, _ *process) {
				t.Helper()
				sqlExec(t, p.db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
					WHERE datname = current_database() AND pid <> pg_backend_pid()`)
				proxy.Clear()
			},
		},
	}
}

func TestBreakdownInTheMiddleOfALoad(t *testing.T) {
	t.Parallel()
	for _, b := range breakdowns() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
			p := itemsProject(t, b.rows, proxy.URL(), b.lease)
			live := withLiveIndex(t, p)
			loading := proxy.On(faultproxy.Rule{Path: bulkPath, Nth: 2, Do: faultproxy.Hold})
			running := p.start(t, append([]string{"run", "--workers", "1", "--batch-bytes", "64KiB"}, b.args...)...)
			loading.Await(t)
			b.do(t, proxy, p, running)
			r := running.wait(t)
			wantRefused(t, r, b.code, b.says)
			proxy.Clear()

			if got := p.carriers(t, p.alias); len(got) != 1 || got[0] != live {
				t.Errorf("the alias is on %v, want %v", got, live)
			}
			if !b.left {
				p.lockIsFree(t)
				if left := p.indices(t, p.alias+"-0*"); len(left) > 0 {
					t.Errorf("the run left %v: %s", left, r)
				}
				return
			}
			if b.slow {
				p.unlock(t)
			}
			p.isTidy(t, p.rebuild(t))
		})
	}
}

// itemsProject has n rows: more than fit into two requests of 64 KiB, unless n
// says otherwise.
func itemsProject(t *testing.T, n int, url, lease string) *project {
	t.Helper()
	db := stacktest.Database(t)
	sqlExec(t, db, fmt.Sprintf("CREATE TABLE item AS SELECT i AS id, repeat('x', 40) AS text FROM generate_series(1, %d) i; "+
		"ALTER TABLE item ADD PRIMARY KEY (id); ANALYZE", cmp.Or(n, 4000)))
	return newProject(t, db, definition{
		id: "id", document: "SELECT * FROM item", url: url, lease: lease,
		body: `{"settings": {"number_of_replicas": 0}, "mappings": {"dynamic": false}}`,
	})
}

// unlock cuts off whoever holds the lock.
func (p *project) unlock(t *testing.T) {
	t.Helper()
	p.succeed(t, "unlock", fmt.Sprint(p.status(t).Lock.Token))
}
