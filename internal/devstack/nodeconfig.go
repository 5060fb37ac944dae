package devstack

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// log4j prints everything to standard output, which is the node's log file.
const log4j = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] [%node_name]%marker %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`

// configure writes the node's settings. Data of an earlier start is kept.
func (n *Node) configure() error {
	for _, dir := range []string{n.dir, n.configDir(), n.dataDir(), n.tmpDir(), filepath.Join(n.dir, "logs")} {
		if err := n.es.user.mkdir(dir); err != nil {
			return err
		}
	}
	jvm, err := n.jvmOptions()
	if err != nil {
		return err
	}
	files := map[string]string{
		"elasticsearch.yml": n.yaml(),
		"jvm.options":       jvm,
		"log4j2.properties": log4j,
	}
	maps.Copy(files, n.es.access.files)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(n.configDir(), name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return n.es.user.give(n.configDir())
}

// jvmOptions returns the distribution's own options without those that write
// files beside the distribution, which is shared and read-only here.
func (n *Node) jvmOptions() (string, error) {
	text, err := os.ReadFile(filepath.Join(n.es.home, "config", "jvm.options"))
	if err != nil {
		return "", err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "gc.log") && !strings.Contains(line, "HeapDump") && !strings.Contains(line, "ErrorFile") {
			kept.WriteString(line)
		}
	}
	return kept.String(), nil
}

// yaml renders elasticsearch.yml.
func (n *Node) yaml() string {
	settings := map[string]string{
		"cluster.name":   "devstack",
		"node.name":      n.name,
		"path.data":      strconv.Quote(n.dataDir()),
		"path.logs":      strconv.Quote(filepath.Join(n.dir, "logs")),
		"network.host":   "127.0.0.1",
		"http.port":      strconv.Itoa(n.port),
		"transport.port": strconv.Itoa(n.transport),
		// A developer's disk is often fuller than the watermarks allow.
		"cluster.routing.allocation.disk.threshold_enabled": "false",
		// While it does not watch the disks, Elasticsearch lifts flood-stage
		// blocks each time it has looked at them, every 30 s by default; also
		// those that a test has set.
		"cluster.info.update.interval": "1h",
	}
	maps.Copy(settings, n.discovery())
	maps.Copy(settings, n.es.access.settings())
	maps.Copy(settings, n.es.opts.Settings)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s: %s\n", key, settings[key])
	}
	return b.String()
}

// discovery names the other nodes. A cluster that has formed once ignores
// cluster.initial_master_nodes, so restarts need no other settings.
func (n *Node) discovery() map[string]string {
	if len(n.es.nodes) == 1 {
		return map[string]string{"discovery.type": "single-node"}
	}
	var names, addresses []string
	for _, node := range n.es.nodes {
		names = append(names, node.name)
		addresses = append(addresses, strconv.Quote(loopback(node.transport)))
	}
	return map[string]string{
		"cluster.initial_master_nodes": yamlList(names),
		"discovery.seed_hosts":         yamlList(addresses),
	}
}

// yamlList renders items, already in YAML syntax, as one value.
func yamlList(items []string) string {
	return "[" + strings.Join(items, ", ") + "]"
}
