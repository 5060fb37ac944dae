package devstack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// readyInterval is how often a starting server is asked whether it is ready.
const readyInterval = 100 * time.Millisecond

// awaitReady waits until the node sees members nodes and a master and no index
// lacks a primary shard, and returns the process id of its JVM. This
// distribution has no GET /, so readiness is an answer of the cluster's health
// and of the node's own information.
func (n *Node) awaitReady(ctx context.Context, members int) (jvm int, err error) {
	client := n.es.access.client()
	defer client.CloseIdleConnections()
	var last error
	err = poll(ctx, readyInterval, func(ctx context.Context) (bool, error) {
		if n.process.hasEnded() {
			return false, startError(n.name, n.Log(), n.process.err)
		}
		jvm, last = n.askReady(ctx, client, members)
		return last == nil, nil
	})
	if err != nil && ctx.Err() != nil {
		return 0, fmt.Errorf("%w; last answer: %w; the end of %s:\n%s", err, last, n.Log(), tail(n.Log()))
	}
	return jvm, err
}

func (n *Node) askReady(ctx context.Context, client *http.Client, members int) (jvm int, err error) {
	var health struct {
		Nodes int `json:"number_of_nodes"`
	}
	if err := n.get(ctx, client, "/_cluster/health?wait_for_status=yellow&timeout=1s", &health); err != nil {
		return 0, err
	}
	if health.Nodes < members {
		return 0, fmt.Errorf("%s sees %d nodes, want %d", n.name, health.Nodes, members)
	}
	var info struct {
		Nodes map[string]struct {
			Process struct {
				ID int `json:"id"`
			} `json:"process"`
		} `json:"nodes"`
	}
	if err := n.get(ctx, client, "/_nodes/_local/process", &info); err != nil {
		return 0, err
	}
	for _, local := range info.Nodes {
		return local.Process.ID, nil
	}
	return 0, fmt.Errorf("%s does not list itself", n.name)
}

// get reads one JSON answer as the administrator.
func (n *Node) get(ctx context.Context, client *http.Client, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+path, http.NoBody)
	if err != nil {
		return err
	}
	if admin := n.es.access.admin; admin != nil {
		req.SetBasicAuth(admin.Name, admin.Password)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return json.Unmarshal(body, into)
}
