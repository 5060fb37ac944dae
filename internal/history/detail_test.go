package history

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/reindex/pipeline"
)

// checkDetail wants the detail of the run in TestRecorderFollowsARun.
func checkDetail(t *testing.T, d *Detail) {
	t.Helper()
	if d == nil {
		t.Fatal("the record has no detail")
	}
	var kinds []string
	for _, e := range d.Events {
		kinds = append(kinds, e.Kind+" "+e.Text)
	}
	if got := strings.Join(kinds, ", "); got != "phase loaded, warning the disk is nearly full" {
		t.Errorf("events %s", got)
	}
	if len(d.Samples) != 1 || d.Samples[0].Documents != 12 {
		t.Errorf("samples %+v", d.Samples)
	}
	if len(d.Rejected) != 1 || d.Rejected[0].ID != "17" {
		t.Errorf("rejected %+v", d.Rejected)
	}
}

// However long a run takes and whatever goes wrong, its record stays small, and
// has its beginning, its end and the whole course of the load.
func TestADetailIsBounded(t *testing.T) {
	t.Parallel()
	var d Detail
	for i := range 20_000 {
		d.note(Event{At: time.Unix(int64(i), 0), Kind: EventWarning, Text: strings.Repeat("x", 10_000)})
		d.sample(pipeline.Progress{Elapsed: time.Duration(i) * time.Second, Documents: int64(i)})
		d.reject(Rejected{ID: strings.Repeat("7", 512), Reason: strings.Repeat("r", 300)})
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 400<<10 {
		t.Errorf("%d bytes", len(text))
	}
	if first, last := d.Events[0].At.Unix(), d.Events[len(d.Events)-1].At.Unix(); first != 0 || last != 19_999 {
		t.Errorf("events from %d to %d", first, last)
	}
	if d.EventsDropped != 20_000-maxEvents {
		t.Errorf("%d events dropped", d.EventsDropped)
	}
	n := len(d.Samples)
	if n < maxSamples/4 || n > maxSamples || d.Samples[0].AfterMS != 0 || d.Samples[n-1].AfterMS < 19_000_000 {
		t.Errorf("%d samples from %d to %d ms", n, d.Samples[0].AfterMS, d.Samples[n-1].AfterMS)
	}
}
