package devstack

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// stopTimeout bounds an orderly shutdown, after which a server is killed.
const stopTimeout = time.Minute

// Node is one Elasticsearch node. Its methods are not for concurrent use on
// the same node.
type Node struct {
	es        *Elasticsearch
	name      string
	dir       string
	port      int
	transport int
	process   *process
	jvm       int // process id of the server's JVM, a child of the launcher
}

// Name returns the node's name, as in the answers of the cluster.
func (n *Node) Name() string { return n.name }

// URL returns the node's address. It stays the same over restarts.
func (n *Node) URL() string { return n.es.access.scheme() + "://" + loopback(n.port) }

// Log returns the path of the node's log.
func (n *Node) Log() string { return filepath.Join(n.dir, "node.log") }

// Kill ends the node with SIGKILL and returns when it is gone. It may be called
// on a paused node and on one that is not running.
func (n *Node) Kill() error {
	if n.process != nil {
		n.process.kill()
	}
	return nil
}

// Stop shuts the node down in order, or kills it after a minute.
func (n *Node) Stop() error {
	if n.process == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	n.process.stop(ctx, syscall.SIGTERM)
	return nil
}

// Pause freezes the node's JVM with SIGSTOP: its sockets stay open and nobody
// answers, as on a machine that hangs.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume lets a paused node go on.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

func (n *Node) signal(sig syscall.Signal) error {
	if n.process == nil || n.process.hasEnded() {
		return fmt.Errorf("%s is not running", n.name)
	}
	if err := syscall.Kill(n.jvm, sig); err != nil {
		return fmt.Errorf("send %s to %s: %w", sig, n.name, err)
	}
	return nil
}

// Restart kills the node if it runs, starts it on the same data and address,
// and returns when it is a member of a cluster that has a master and every
// primary shard. Where other nodes took primaries with them that is never: let
// ctx end, or restart those nodes too.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Kill(); err != nil {
		return err
	}
	return n.start(ctx, 1)
}

// start launches the node and waits until it sees members nodes in its cluster.
func (n *Node) start(ctx context.Context, members int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("%s was not ready within %s", n.name, startTimeout))
	defer cancel()
	process, err := launch(ctx, n.command())
	if err != nil {
		return err
	}
	n.process = process
	if n.jvm, err = n.awaitReady(ctx, members); err != nil {
		return fmt.Errorf("start elasticsearch %s %s: %w", n.es.dist.version, n.name, err)
	}
	return nil
}

func (n *Node) command() command {
	return command{
		args: []string{filepath.Join(n.es.home, "bin", "elasticsearch")},
		env: serverEnv(n.dir,
			"ES_JAVA_HOME="+n.es.java, // the distribution brings no Java
			"ES_PATH_CONF="+n.configDir(),
			"ES_TMPDIR="+n.tmpDir(),
			"ES_JAVA_OPTS=-Xms"+strconv.Itoa(n.es.opts.HeapMB)+"m -Xmx"+strconv.Itoa(n.es.opts.HeapMB)+"m",
		),
		dir: n.dir, log: n.Log(), last: "KILL", user: n.es.user,
	}
}

func (n *Node) configDir() string { return filepath.Join(n.dir, "config") }
func (n *Node) dataDir() string   { return filepath.Join(n.dir, "data") }
func (n *Node) tmpDir() string    { return filepath.Join(n.dir, "tmp") }
