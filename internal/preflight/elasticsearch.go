package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/es"
)

// Target is the Elasticsearch side of a run.
type Target struct {
	ES       esapi.Transport
	Alias    *esalias.Client
	Lease    time.Duration
	Shards   int // primaries that the index body asks for
	Replicas int
	// CountsLive says that a run has to count the live index, for gates.max_shrink.
	CountsLive bool

	ID      string          // the id's field
	Body    json.RawMessage // of the index; nil if it is not to be tried
	Samples []Sample        // documents to try the body with
	// MayCreate lets a throw-away index be made where nothing can be simulated.
	MayCreate bool
}

// Elasticsearch looks at the cluster. The first findings are whether it answers
// and has a master; if not, there are no others.
func Elasticsearch(ctx context.Context, t Target) []Finding {
	reached := t.reach(ctx)
	if reached.Level == Problem {
		return []Finding{reached}
	}
	master := t.master(ctx)
	if master.Level == Problem {
		return []Finding{reached, master}
	}
	findings := []Finding{
		reached,
		master,
		t.privileges(ctx),
		t.shape(ctx),
		t.live(ctx),
		t.generations(ctx),
		t.blocks(ctx),
		t.allocation(ctx),
		t.templates(ctx),
		t.lockTemplates(ctx),
		t.bodyBlocks(ctx),
		t.pipelines(ctx),
		t.idField(ctx),
		t.disk(ctx),
		t.shardBudget(ctx),
		t.autoCreate(ctx),
		t.lease(ctx),
	}
	return append(findings, t.tries(ctx)...)
}

// Cheap looks at what would end a run late, with one or two requests each. The
// error is an [Error]; what cannot be looked at is left to the run.
func Cheap(ctx context.Context, t Target) error {
	for _, look := range []func(context.Context) Finding{t.master, t.privileges, t.blocks, t.allocation, t.disk, t.shardBudget} {
		if f := look(ctx); f.Level == Problem {
			return &Error{Finding: f}
		}
	}
	return nil
}

// NoMasterHint says what to do about a cluster without a master.
const NoMasterHint = "readers are still served; look at the logs of its nodes, and at their disks: " +
	"one that is full to the last byte takes the master along (docs/operations.md, the disk is full)"

// master waits a while for an election that is under way. Without a master
// nodes answer and nothing can be changed.
func (t Target) master(ctx context.Context) Finding {
	const subject = "master"
	err := es.Do(ctx, t.ES, http.MethodGet, "/_cluster/health?master_timeout=15s&filter_path=status", nil, nil)
	switch {
	case es.IsType(err, "master_not_discovered_exception"):
		return Finding{Subject: subject, Level: Problem, Text: "the cluster has none", Hint: NoMasterHint, Err: err}
	case err != nil:
		return notAsked(subject, err)
	}
	return ok(subject, "the cluster has one")
}

// reach asks the nodes for their versions: a distribution without the root
// handler answers this too.
func (t Target) reach(ctx context.Context) Finding {
	const subject = "elasticsearch"
	var answer struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	err := es.Do(ctx, t.ES, http.MethodGet, "/_nodes/_all/none?filter_path=nodes.*.version", nil, &answer)
	switch {
	case es.IsStatus(err, http.StatusForbidden):
		return warning(subject, "answers; its version may not be asked for", "grant the cluster privilege monitor")
	case es.IsAuth(err):
		return problem(subject, "the credentials are refused", "check ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD")
	case err != nil:
		return Finding{
			Subject: subject, Level: Problem, Text: err.Error(), Err: err,
			Hint: "is it up, and is elasticsearch.url right?",
		}
	}
	versions := map[string]int{}
	for _, node := range answer.Nodes {
		versions[node.Version]++
	}
	return versionFinding(subject, versions)
}

func versionFinding(subject string, versions map[string]int) Finding {
	list := sorted(versions)
	text := "version " + strings.Join(list, ", ")
	if len(list) > 1 {
		return warning(subject, text, "a rolling upgrade is under way; a run is safe, but better after it")
	}
	for _, v := range list {
		if !strings.HasPrefix(v, "8.") && !strings.HasPrefix(v, "9.") {
			return problem(subject, text+" is not supported", "the swap was tried on 8.11 to 9.2")
		}
	}
	return ok(subject, text)
}

// privileges asks what the user may do; without security nobody can be asked,
// and everything is allowed.
func (t Target) privileges(ctx context.Context) Finding {
	const subject = "privileges"
	alias := t.Alias.Alias()
	body := fmt.Appendf(nil, `{"cluster":["monitor"],"index":[
		{"names":[%q,%q,%q,%q,%q,%q],"privileges":["manage","read","write"],"allow_restricted_indices":false}]}`,
		alias, alias+"-000001", alias+".w-1-x", "lock-"+alias, "lock-"+alias+".doc", "lock-"+alias+"-history-1")
	var answer struct {
		All     bool                       `json:"has_all_requested"`
		Cluster map[string]bool            `json:"cluster"`
		Index   map[string]map[string]bool `json:"index"`
	}
	err := es.Do(ctx, t.ES, http.MethodPost, "/_security/user/_has_privileges", body, &answer)
	var refused *es.Error
	switch {
	case errors.As(err, &refused) && !es.IsAuth(err):
		return ok(subject, "security is off: everybody may do everything")
	case err != nil:
		return notAsked(subject, err)
	case answer.All:
		return ok(subject, "all that a run needs")
	}
	return problem(subject, "missing: "+strings.Join(missing(answer.Cluster, answer.Index), ", "),
		"grant the role of docs/operations.md")
}

func missing(cluster map[string]bool, index map[string]map[string]bool) []string {
	var list []string
	for privilege, has := range cluster {
		if !has {
			list = append(list, "cluster "+privilege)
		}
	}
	for name, privileges := range index {
		for privilege, has := range privileges {
			if !has {
				list = append(list, privilege+" on "+name)
			}
		}
	}
	return sortedStrings(list)
}

// shape is whether a swap could take place.
func (t Target) shape(ctx context.Context) Finding {
	const subject = "alias"
	status, err := t.Alias.Status(ctx)
	switch {
	case err != nil:
		return notAsked(subject, err)
	case status.Shape != nil:
		return problem(subject, status.Shape.Error(), status.Shape.Hint())
	case status.Live == "":
		return ok(subject, t.Alias.Alias()+" does not exist yet; the first run makes it")
	case (status.Properties.IndexRouting != "" || status.Properties.SearchRouting != "") && t.Shards > 1:
		return problem(subject, fmt.Sprintf("%s has a routing, %s, and the index body asks for %d shards: readers would miss what is on the others",
			t.Alias.Alias(), status.Properties, t.Shards), "take the routing off the alias, or set number_of_shards to 1 in the index body")
	case status.LiveToken == 0:
		return warning(subject, t.Alias.Alias()+" is on "+status.Live+", which this program did not make",
			"the first run takes the alias over and leaves that index alone"+carried(status.Properties))
	}
	return ok(subject, t.Alias.Alias()+" is on "+status.Live+carried(status.Properties))
}

// carried says what a swap takes along.
func carried(p esalias.Properties) string {
	if p.IsZero() {
		return ""
	}
	return "; every swap carries " + p.String() + " over"
}

// generations are indices that nobody needs and that no run deletes.
func (t Target) generations(ctx context.Context) Finding {
	const subject = "generations"
	status, err := t.Alias.Status(ctx)
	if err != nil {
		return notAsked(subject, err)
	}
	var kept []string
	for _, g := range status.Generations {
		if why := g.Kept(); why != "" {
			kept = append(kept, g.Index+" is not deleted: "+why)
		}
	}
	if len(kept) == 0 {
		return ok(subject, fmt.Sprintf("%d, none carries an alias that this program did not make", len(status.Generations)))
	}
	return warning(subject, strings.Join(kept, "; "),
		"readers of such an alias see an old index after the next swap; take the alias off when nobody needs it any more")
}

// live is whether the index that readers have can be counted: one that is closed,
// or has a shard away, keeps a run from starting as long as gates.max_shrink is on.
func (t Target) live(ctx context.Context) Finding {
	const subject = "live"
	live, err := t.Alias.Live(ctx)
	switch {
	case err != nil || live == "": // the finding about the alias says it
		return ok(subject, "nothing to count")
	case !t.CountsLive:
		return ok(subject, "not counted, gates.max_shrink is off")
	}
	documents, err := t.Alias.Count(ctx, live)
	if err != nil {
		return problem(subject, "cannot be counted for gates.max_shrink: "+err.Error(), "`reindex run --max-shrink off` replaces it without counting it")
	}
	return ok(subject, fmt.Sprintf("%s has %d documents", live, documents))
}

// lease compares the lease with how long this cluster takes to answer: a
// renewal has to come back well within its tenth.
func (t Target) lease(ctx context.Context) Finding {
	const subject = "lease"
	var slowest time.Duration
	for range 5 {
		started := time.Now()
		if _, err := t.Alias.Live(ctx); err != nil {
			return notAsked(subject, err)
		}
		slowest = max(slowest, time.Since(started))
	}
	text := fmt.Sprintf("%s; the slowest of 5 answers took %s", t.Lease, slowest.Round(time.Millisecond))
	if slowest > t.Lease/10 {
		return warning(subject, text, "raise lock.lease to at least ten times that, or runs lose their lock when Elasticsearch is busy")
	}
	return ok(subject, text)
}
