package readback

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Whatever is written after Checkpoints has a place above them in its shard, and
// whatever was before has not.
func TestPlacesAndCheckpoints(t *testing.T) {
	t.Parallel()
	documents := map[string]string{}
	var ids []string
	for i := range 60 {
		ids = append(ids, fmt.Sprint(i))
		documents[fmt.Sprint(i)] = fmt.Sprintf(`{"id":%d}`, i)
	}
	transport, name := index(t, "long", documents)
	do(t, transport, http.MethodPut, "/"+name+"/_doc/7", `{"id":7,"text":"again"}`)
	before, err := Checkpoints(t.Context(), transport, name, time.Minute)
	if err != nil || len(before) != 3 {
		t.Fatalf("checkpoints %v, %v; want those of 3 shards", before, err)
	}
	do(t, transport, http.MethodPut, "/"+name+"/_doc/8", `{"id":8,"text":"later"}`)
	do(t, transport, http.MethodDelete, "/"+name+"/_doc/9", "")
	if err := Refresh(t.Context(), transport, name); err != nil {
		t.Fatal(err)
	}
	places, err := Places(t.Context(), transport, name, ids)
	if err != nil {
		t.Fatal(err)
	}
	shards := map[int]bool{}
	for i, p := range places {
		shards[p.Shard] = true
		if p.Found != (i != 9) {
			t.Errorf("document %d found: %t", i, p.Found)
		}
		if above := p.SeqNo > before[p.Shard]; p.Found && above != (i == 8) {
			t.Errorf("document %d is at %d of shard %d, which was at %d", i, p.SeqNo, p.Shard, before[p.Shard])
		}
	}
	if len(shards) != 3 {
		t.Errorf("shards %v; want all three", shards)
	}
	if missing, err := Places(t.Context(), transport, name, []string{"nobody"}); err != nil || missing[0].Found {
		t.Errorf("a document that is not there: %+v, %v", missing, err)
	}
}

// With durability async, the checkpoint follows the writes after seconds.
func TestCheckpointsWaitForATranslogThatIsWrittenBehind(t *testing.T) {
	t.Parallel()
	transport, name := index(t, "long", map[string]string{"first": `{"id":0}`})
	do(t, transport, http.MethodPut, "/"+name+"/_settings", `{"index.translog.durability":"async"}`)
	for i := range 30 {
		do(t, transport, http.MethodPut, fmt.Sprint("/", name, "/_doc/", i), `{"id":1}`)
	}
	before, err := Checkpoints(t.Context(), transport, name, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var writes int64
	for _, last := range before {
		writes += last + 1
	}
	if writes != 31 { // one by index
		t.Errorf("checkpoints %v cover %d writes, want 31", before, writes)
	}
}
