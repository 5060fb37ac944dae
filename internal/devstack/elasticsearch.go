package devstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// startTimeout bounds one start. Three nodes take some 20 s on two idle cores;
// the rest is for a machine that does something else as well.
const startTimeout = 6 * time.Minute

// ElasticsearchOptions describe a node or a cluster. The zero value is one node
// of the default version without security in a temporary folder.
type ElasticsearchOptions struct {
	// Version is one of the Version constants. Defaults to [Version8].
	Version string
	// Nodes is how many nodes form the cluster. Defaults to 1.
	Nodes int
	// HeapMB is the heap of each node in MiB. Defaults to 512.
	HeapMB int
	// Dir keeps data, settings and logs between starts, in a folder for each
	// node. Defaults to a temporary folder that Close removes.
	Dir string
	// Settings are further lines of elasticsearch.yml, each value in YAML
	// syntax. They win over the settings of this package, such as
	// cluster.routing.allocation.disk.threshold_enabled: false.
	Settings map[string]string
	// Security switches authentication and TLS on. Defaults to neither.
	Security *Security
}

func (o ElasticsearchOptions) withDefaults() ElasticsearchOptions {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.HeapMB == 0 {
		o.HeapMB = 512
	}
	return o
}

// Elasticsearch is a running cluster of one or more nodes.
type Elasticsearch struct {
	opts   ElasticsearchOptions
	dist   distribution
	home   string // the unpacked distribution
	java   string
	user   owner
	folder folder
	access access
	nodes  []*Node
}

// StartElasticsearch starts a cluster and returns once every node answers and
// has found the others. The caller must call Close. What the machine lacks is
// reported as a [*MissingError]; a node that does not come up, with the end of
// its log. The first start of a version on a machine fetches about 100 MB.
func StartElasticsearch(ctx context.Context, opts ElasticsearchOptions) (*Elasticsearch, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("elasticsearch was not ready within %s", startTimeout))
	defer cancel()
	es, err := prepare(ctx, opts.withDefaults())
	if err != nil {
		return nil, err
	}
	err = withFreePorts(ctx, 2*es.opts.Nodes, func(ports []int) error { return es.start(ctx, ports) })
	if err != nil {
		return nil, errors.Join(err, es.Close())
	}
	return es, nil
}

// prepare finds the programs and lays out the folder.
func prepare(ctx context.Context, opts ElasticsearchOptions) (*Elasticsearch, error) {
	dist, err := distributionOf(opts.Version)
	if err != nil {
		return nil, err
	}
	if err := missing(dist.lacking()); err != nil {
		return nil, err
	}
	es := &Elasticsearch{opts: opts, dist: dist}
	if es.java, err = dist.java(); err != nil {
		return nil, err
	}
	if es.home, err = dist.home(ctx); err != nil {
		return nil, err
	}
	if es.user, err = serverUser(); err != nil {
		return nil, err
	}
	if err := es.user.reach(filepath.Join(es.home, "bin")); err != nil {
		return nil, err
	}
	if es.access, err = newAccess(opts.Security); err != nil {
		return nil, err
	}
	es.folder, err = es.user.folder(opts.Dir, "elasticsearch")
	return es, err
}

// start launches all nodes on these ports, two for each, and waits for them.
// On failure no node is left.
func (es *Elasticsearch) start(ctx context.Context, ports []int) error {
	es.nodes = nil
	for i := range es.opts.Nodes {
		name := fmt.Sprintf("node-%d", i+1)
		es.nodes = append(es.nodes, &Node{
			es: es, name: name, dir: filepath.Join(es.folder.path, name),
			port: ports[2*i], transport: ports[2*i+1],
		})
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range es.nodes {
		g.Go(func() error {
			if err := n.configure(); err != nil {
				return fmt.Errorf("configure %s: %w", n.name, err)
			}
			return n.start(ctx, len(es.nodes))
		})
	}
	err := g.Wait()
	if err != nil {
		es.killAll()
	}
	return err
}

// URL returns the address of the first node, without credentials.
func (es *Elasticsearch) URL() string { return es.nodes[0].URL() }

// Nodes returns the nodes in the order of their names: node-1, node-2 and so on.
func (es *Elasticsearch) Nodes() []*Node { return es.nodes }

// Version returns the version of the nodes.
func (es *Elasticsearch) Version() string { return es.dist.version }

// CACert returns the path of the PEM file with the authority that signed the
// nodes' certificates, or "" without security. Close removes it with a
// temporary folder.
func (es *Elasticsearch) CACert() string {
	if es.access.admin == nil {
		return ""
	}
	return filepath.Join(es.nodes[0].configDir(), caFile)
}

// Admin returns a user who may do everything, or nil without security.
func (es *Elasticsearch) Admin() *User { return es.access.admin }

// ClientCertificate makes a client certificate that the cluster's authority has
// signed and that ends at notAfter. It needs a cluster with security.
func (es *Elasticsearch) ClientCertificate(notAfter time.Time) (Certificate, error) {
	if es.access.authority == nil {
		return Certificate{}, errors.New("a cluster without security has no authority")
	}
	return es.access.authority.client(notAfter)
}

// Client returns an HTTP client that trusts the cluster's authority and shows
// the nodes' certificate where one is asked for. It sends no password. Each call makes a client with connections of its own.
func (es *Elasticsearch) Client() *http.Client { return es.access.client() }

// Close ends every node. Data in a temporary folder is removed, so those nodes
// are killed; nodes on a named folder are given a minute to shut down.
func (es *Elasticsearch) Close() error {
	if es.folder.temporary {
		es.killAll()
		return es.folder.remove()
	}
	var g errgroup.Group
	for _, n := range es.nodes {
		g.Go(n.Stop)
	}
	return g.Wait()
}

func (es *Elasticsearch) killAll() {
	var g errgroup.Group
	for _, n := range es.nodes {
		g.Go(n.Kill)
	}
	_ = g.Wait() // Kill has no error to give
}
