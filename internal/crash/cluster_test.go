package crash

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

// clusterEnv names the variable that lets the cluster tests run outside of
// `make test`: three nodes take 3 GB and half a minute to start.
const clusterEnv = "REINDEX_TEST_CLUSTER"

// TestCluster kills and cuts off nodes of a three-node cluster while a run
// takes the lock, loads or swaps, and readers search on.
func TestCluster(t *testing.T) { //nolint:paralleltest // it takes the whole machine
	if os.Getenv(clusterEnv) != "1" && os.Getenv(stacktest.RequiredEnv) != "1" {
		t.Skip("starts three nodes: run `make test`, or set " + clusterEnv + "=1")
	}
	c := newCluster(t)
	watching, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	r := newReader(c.world, c.up, &c.promises)
	r.client.Timeout, r.lagging = 5*time.Second, true
	reading.Go(func() { c.watch(watching, r) })
	var last accident
	for _, test := range accidents() {
		if !test.always && !*everyFlag {
			continue
		}
		ok := t.Run(test.name, func(t *testing.T) {
			if last.name != "" {
				c.raise(t, last)
			}
			last = test
			last.node = test.victim(c, t)
			c.hurt(t, last)
		})
		if !ok {
			break // the cluster is in no state for the next one
		}
	}
	stop()
	reading.Wait()
	r.client.CloseIdleConnections()
	t.Logf("%d searches were answered, %d were not", r.searches, c.unanswered.Load())
	if violation := c.violation.Load(); violation != nil {
		t.Errorf("reader: %v", *violation)
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("what happened:\n%s", c.text())
	}
}

type accident struct {
	name   string
	phase  string
	victim func(*cluster, *testing.T) int
	cutOff bool
	always bool // the others only with -crash.every
	node   int  // that it happened to
}

func accidents() []accident {
	return []accident{
		{name: "the elected master is cut off while a run takes the lock", phase: "claim", victim: (*cluster).master, cutOff: true},
		{name: "a data node is cut off while a run loads", phase: "bulk", victim: (*cluster).other, cutOff: true, always: true},
		{name: "the elected master is cut off while a run swaps", phase: "swap", victim: (*cluster).master, cutOff: true},
		{name: "the elected master is killed while a run takes the lock", phase: "claim", victim: (*cluster).master, always: true},
		{name: "the elected master is killed while a run loads", phase: "bulk", victim: (*cluster).master},
		{name: "a data node is killed while a run takes the lock", phase: "claim", victim: (*cluster).other},
		{name: "a data node is killed while a run loads", phase: "bulk", victim: (*cluster).other},
		{name: "a data node is killed while a run swaps", phase: "swap", victim: (*cluster).other},
		{name: "the elected master is killed while a run swaps", phase: "swap", victim: (*cluster).master, always: true},
	}
}

// cluster is a world with three nodes, each behind a proxy of its own.
type cluster struct {
	*world
	nodes      []*devstack.Node
	proxies    []*faultproxy.Proxy
	down       []atomic.Bool // not to be asked by readers
	next       atomic.Int64
	unanswered atomic.Int64
	violation  atomic.Pointer[error]
	promises   sync.Map
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	es := stacktest.OwnElasticsearch(t, devstack.ElasticsearchOptions{
		Nodes: 3,
		// A node that hangs is thrown out after some 5 s instead of 30 s.
		Settings: map[string]string{
			"cluster.fault_detection.leader_check.timeout":       "2s",
			"cluster.fault_detection.leader_check.retry_count":   "2",
			"cluster.fault_detection.follower_check.timeout":     "2s",
			"cluster.fault_detection.follower_check.retry_count": "2",
		},
	})
	c := &cluster{world: newWorld(t, es.URL(), 1000), nodes: es.Nodes(), down: make([]atomic.Bool, len(es.Nodes()))}
	var urls []string
	for _, n := range c.nodes {
		p := faultproxy.New(t, n.URL())
		c.proxies, urls = append(c.proxies, p), append(urls, p.URL())
	}
	body, err := os.ReadFile(c.dir + "/persons.index.json")
	if err != nil {
		t.Fatal(err)
	}
	// A copy on each node, so that no single node takes the live index along.
	c.write(t, "persons.index.json", strings.Replace(string(body), `"number_of_replicas": 1`, `"number_of_replicas": 2`, 1))
	c.env = append(c.env, "REINDEX_LOCK_LEASE=15s", "REINDEX_LOAD_RETRY_FOR=15s")
	c.server = strings.Join(urls, ",")
	c.swaps(t)
	return c
}

// up is a node that is believed to be well, each time another one.
func (c *cluster) up() string {
	for {
		i := int(c.next.Add(1)) % len(c.nodes)
		if !c.down[i].Load() {
			return c.nodes[i].URL()
		}
	}
}

// watch searches until ctx ends. While nodes fall, some searches stay without
// an answer; none may have a wrong one.
func (c *cluster) watch(ctx context.Context, r *reader) {
	for ctx.Err() == nil {
		for _, try := range []func(context.Context) error{r.search, r.look} {
			err := try(ctx)
			switch {
			case err == nil || ctx.Err() != nil:
			case unanswered(err):
				c.unanswered.Add(1)
				sleep(ctx, 100*time.Millisecond)
			default:
				c.note("VIOLATION: %v", err)
				c.violation.CompareAndSwap(nil, &err)
			}
		}
	}
}

// hurt holds a run at a phase, does something to a node, and lets it go on.
// However the run ends, what it says must be true, and the next one must swap,
// although the node has not come back yet, or still takes connections and
// answers nobody.
func (c *cluster) hurt(t *testing.T, a accident) {
	t.Helper()
	before := c.live(t)
	held := c.hold(a.phase)
	began := time.Now()
	p, err := c.start(t.Context(), c.server, "run", "--json")
	if err != nil {
		t.Fatal(err)
	}
	held.await(t, p)
	if a.phase == "swap" {
		c.wantCopies(t)
	}
	c.fell(t, a)
	held.release()
	status, ended := p.Wait()
	s, _ := p.summary()
	c.note("%s: status %d, outcome %s %s", t.Name(), status, s.Outcome, p.lastWords())
	c.note("phases: %s", s.Phases)
	t.Logf("status %d, outcome %s %s, after %.0f s", status, s.Outcome, p.lastWords(), time.Since(began).Seconds())
	if !ended || !slices.Contains([]int{0, 1, 12, 13}, status) {
		t.Errorf("status %d\n%s\n%s", status, p.Stdout(), p.Stderr())
	}
	switch live := c.live(t); {
	case status == 0 && live != s.Index:
		t.Errorf("the run says it has swapped to %s, the alias is on %s", s.Index, live)
	case status != 0 && status != 13 && live != before:
		t.Errorf("the run says it has not swapped, the alias went from %s to %s", before, live)
	}
	c.swaps(t)
}

// fell kills a node or freezes it: its sockets stay open and nobody answers.
func (c *cluster) fell(t *testing.T, a accident) {
	t.Helper()
	c.down[a.node].Store(true)
	do := c.nodes[a.node].Kill
	if a.cutOff {
		do = c.nodes[a.node].Pause
	}
	if err := do(); err != nil {
		t.Fatal(err)
	}
	c.note("%s has fallen, cut off: %t", c.nodes[a.node].Name(), a.cutOff)
}

// raise brings the node back and waits until every shard has all its copies.
func (c *cluster) raise(t *testing.T, a accident) {
	t.Helper()
	var err error
	if a.cutOff {
		err = c.nodes[a.node].Resume()
	} else {
		err = c.nodes[a.node].Restart(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	c.await(t, "/_cluster/health?wait_for_nodes=3&wait_for_status=green&wait_for_no_relocating_shards=true&timeout=5s")
	c.down[a.node].Store(false)
	c.note("%s is back", c.nodes[a.node].Name())
}

// await asks again until it is answered with 200.
func (c *cluster) await(t *testing.T, path string) {
	t.Helper()
	last := c.get(t, path, nil)
	for until := time.Now().Add(deadline); last != nil && time.Now().Before(until); last = c.get(t, path, nil) {
		sleep(t.Context(), 200*time.Millisecond)
	}
	if last != nil {
		t.Fatalf("the cluster does not recover: %v", last)
	}
}

func (c *cluster) get(t *testing.T, path string, into any) error {
	t.Helper()
	r := newReader(c.world, c.up, &c.promises)
	defer r.client.CloseIdleConnections()
	if into == nil {
		into = new(any)
	}
	return r.get(t.Context(), http.MethodGet, path, "", into)
}

func (c *cluster) live(t *testing.T) string {
	t.Helper()
	var found map[string]any
	if err := c.get(t, "/_alias/"+c.alias, &found); err != nil || len(found) != 1 {
		t.Fatalf("the alias is on %v, %v", found, err)
	}
	for index := range found {
		return index
	}
	return ""
}

// wantCopies wants the index that is about to go live to have the replicas that
// its body asks for, in place.
func (c *cluster) wantCopies(t *testing.T) {
	t.Helper()
	var shards []struct {
		Index, State string
		Prirep       string
	}
	if err := c.get(t, "/_cat/shards/"+c.alias+"-*?format=json&h=index,state,prirep", &shards); err != nil {
		t.Fatal(err)
	}
	newest, copies := "", 0
	for _, s := range shards {
		newest = max(newest, s.Index)
	}
	for _, s := range shards {
		if s.Index == newest && s.State == "STARTED" {
			copies++
		}
	}
	if newest == c.live(t) || copies != 3 {
		t.Errorf("%s has %d copies in place before its swap, want 3: %v", newest, copies, shards)
	}
}

// master is the number of the elected master's node.
func (c *cluster) master(t *testing.T) int {
	t.Helper()
	var masters []struct{ Node string }
	if err := c.get(t, "/_cat/master?format=json&h=node", &masters); err != nil || len(masters) != 1 {
		t.Fatalf("master: %v, %v", masters, err)
	}
	i := slices.IndexFunc(c.nodes, func(n *devstack.Node) bool { return n.Name() == masters[0].Node })
	if i < 0 {
		t.Fatalf("master: %v", masters)
	}
	return i
}

// other is the number of a node that is not master.
func (c *cluster) other(t *testing.T) int {
	t.Helper()
	return (c.master(t) + 1) % len(c.nodes)
}

// held are the requests that begin a phase, at whichever node they arrive.
type held struct {
	c       *cluster
	handles []*faultproxy.Handle
}

func (c *cluster) hold(at string) held {
	all := phases()
	rule := named(all[slices.IndexFunc(all, func(p phase) bool { return p.name == at })].rule, c.alias)
	rule.Do = faultproxy.Hold
	h := held{c: c}
	for _, p := range c.proxies {
		h.handles = append(h.handles, p.On(rule))
	}
	return h
}

func (h held) await(t *testing.T, p *process) {
	t.Helper()
	select {
	case <-h.handles[0].Reached():
	case <-h.handles[1].Reached():
	case <-h.handles[2].Reached():
	case <-p.Ended():
		t.Fatalf("the run ended before: %s\n%s", p.Stdout(), p.Stderr())
	}
}

func (h held) release() {
	for i, handle := range h.handles {
		h.c.proxies[i].Drop(handle)
		handle.Release()
	}
}
