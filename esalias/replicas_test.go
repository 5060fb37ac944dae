package esalias

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// allocator answers for Elasticsearch's. The words are those of 8.19.7.
type allocator struct {
	shards  map[string]string // by index
	replica string            // can_allocate and deciders of the new replica
	stays   string            // can_remain_on_current_node of every copy of the live index
	looks   int               // at the health of the index, which is "green" after greenAt of them
	greenAt int
}

const (
	twoCopies = `[{"shard":"0","prirep":"p","state":"STARTED","node":"node-1"},{"shard":"0","prirep":"r","state":"STARTED","node":"node-2"}]`
	oneCopy   = `[{"shard":"0","prirep":"p","state":"STARTED","node":"node-1"},{"shard":"0","prirep":"r","state":"UNASSIGNED","node":null}]`

	onNode1  = `{"node_name":"node-1","deciders":[{"decider":"same_shard","decision":"NO","explanation":"a copy of this shard is already allocated to this node [[persons-000002][0], node[x]]"}]}`
	drained  = `{"node_name":"node-2","deciders":[{"decider":"filter","decision":"NO","explanation":"node matches cluster setting [cluster.routing.allocation.exclude] filters [_name:\"node-2\"]"}]}`
	refusal  = `{"can_allocate":"no","node_allocation_decisions":[` + onNode1 + `,` + drained + `]}`
	tooFew   = `{"can_allocate":"no","node_allocation_decisions":[` + onNode1 + `]}`
	throttle = `{"can_allocate":"throttled","node_allocation_decisions":[` + onNode1 + `]}`
)

func (a *allocator) answer(req *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
	var text string
	switch path := req.URL.Path; {
	case strings.HasPrefix(path, "/_cluster/health/"):
		a.looks++
		text = `{"status":"yellow","initializing_shards":0}`
		if a.greenAt > 0 && a.looks >= a.greenAt {
			text = `{"status":"green"}`
		}
	case strings.HasPrefix(path, "/_cat/shards/"):
		text = a.shards[path[len("/_cat/shards/"):]]
	case path == "/_cluster/allocation/explain" && strings.Contains(body, "current_node"):
		text = `{"can_remain_on_current_node":"yes"}`
		if strings.Contains(body, "persons-000001") && strings.Contains(body, "node-2") {
			text = `{"can_remain_on_current_node":"` + a.stays + `"}`
		}
	case path == "/_cluster/allocation/explain":
		text = a.replica
	default:
		return pass()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

func TestReplicasThatNoNodeMayTake(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		live    string // shards of the live index; "" if there is none
		stays   string // whether its copy on node-2 may stay there
		replica string
		greenAt int
		short   string // part of
		refused bool
	}{
		"beside a live index that has one copy more":          {live: twoCopies, stays: "yes", replica: refusal, refused: true},
		"beside a live index whose copy is to leave its node": {live: twoCopies, stays: "no", replica: refusal, short: "node-2: filter: node matches cluster setting"},
		"beside a live index that is as yellow":               {live: oneCopy, stays: "yes", replica: refusal, short: "no node may take a replica of shard 0 of persons-000002"},
		"when nothing is live":                                {replica: refusal, short: "no node may take a replica of shard 0"},
		"because there are fewer nodes than copies":           {live: oneCopy, stays: "yes", replica: tooFew},
		"beside a live index that has one copy more, too few": {live: twoCopies, stays: "yes", replica: tooFew, refused: true},
		"for a moment only: the allocator needs time":         {live: twoCopies, stays: "yes", replica: refusal, greenAt: steadyLooks},
		"for now, while others are copied":                    {live: twoCopies, stays: "yes", replica: throttle, greenAt: 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, c := newWire(t, Options{Lease: 10 * time.Minute})
				if tt.live != "" {
					first := acquired(t, c)
					swapped(t, first)
					if err := first.Release(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				holder := blue()
				holder.RunID = "runbbbbb"
				l := acquiredBy(t, c, holder)
				build, err := l.Create(t.Context(), json.RawMessage(`{"settings":{"number_of_replicas":1}}`), Meta{})
				if err != nil {
					t.Fatal(err)
				}
				a := &allocator{
					shards:  map[string]string{"persons-000001": tt.live, build.Index: oneCopy},
					replica: tt.replica, stays: tt.stays, greenAt: tt.greenAt,
				}
				w.on(a.answer)
				short, err := build.Finish(t.Context())
				w.on(nil)
				var refused *AllocationError
				if errors.As(err, &refused) != tt.refused || (err != nil) != tt.refused {
					t.Errorf("finish: %v", err)
				}
				if tt.refused && (refused.Live != "persons-000001" || refused.Hint() == "") {
					t.Errorf("refused %+v", refused)
				}
				if (short == "") != (tt.short == "") || !strings.Contains(short, strings.ReplaceAll(tt.short, "persons-000002", build.Index)) {
					t.Errorf("short %q, want %q in it", short, tt.short)
				}
				if err := l.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
