package history

import (
	"slices"
	"time"

	"example.com/reindex/pipeline"
)

// Limits of a [Detail]: at most some 250 KB of a run in which everything goes
// wrong, and a few KB of any other.
const (
	maxEvents   = 300
	maxText     = 500 // bytes of one text
	maxSamples  = 240
	maxRejected = 200
)

// Detail is what one run went through. [Store.Get] has it, [Store.List] leaves
// it out. It holds ids of documents and never their content.
type Detail struct {
	Events []Event `json:"events,omitempty"` // oldest first
	// EventsDropped is how many came after there were too many.
	EventsDropped int `json:"events_dropped,omitempty"`
	// Samples are the course of the load, evenly spread over it.
	Samples  []Sample   `json:"samples,omitempty"`
	Rejected []Rejected `json:"rejected,omitempty"` // the first ones; Record.Failed counts all
	// LatencyMS is of the load's bulk requests: p50, p90, p99 and max.
	LatencyMS map[string]float64 `json:"bulk_latency_ms,omitempty"`
}

// Kinds of events.
const (
	EventPhase   = "phase"
	EventLog     = "log"
	EventWarning = "warning"
	EventError   = "error"
)

// Event is one thing that happened.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`
}

// Sample is how far the load was at one moment.
type Sample struct {
	AfterMS   int64 `json:"after_ms"` // since the load began
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`
	Retried   int64 `json:"retried,omitempty"`
}

// Rejected is one document that Elasticsearch did not take.
type Rejected struct {
	ID     string `json:"id"`
	Status int    `json:"status,omitempty"`
	Type   string `json:"type,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// note adds an event. The last ones matter most when a run fails, so what is
// dropped is from the middle.
func (d *Detail) note(e Event) {
	if len(e.Text) > maxText {
		e.Text = e.Text[:maxText] + "..."
	}
	d.Events = append(d.Events, e)
	if len(d.Events) > maxEvents {
		const middle = maxEvents / 2
		d.Events = slices.Delete(d.Events, middle, middle+1)
		d.EventsDropped++
	}
}

// sample adds a sample if it is time for one. When there are too many, every
// other one goes, so that the rest still covers the whole load.
func (d *Detail) sample(p pipeline.Progress) {
	s := Sample{AfterMS: p.Elapsed.Milliseconds(), Documents: p.Documents, Bytes: p.Bytes, Retried: p.Retried}
	if n := len(d.Samples); n > 0 && s.AfterMS-d.Samples[n-1].AfterMS < d.apart().Milliseconds() {
		return
	}
	if d.Samples = append(d.Samples, s); len(d.Samples) >= maxSamples {
		kept := d.Samples[:0]
		for i := 0; i < len(d.Samples); i += 2 {
			kept = append(kept, d.Samples[i])
		}
		d.Samples = kept
	}
}

// apart is the least time between two samples: a second at first, and more the
// longer the load takes.
func (d *Detail) apart() time.Duration {
	n := len(d.Samples)
	if n < 2 {
		return time.Second
	}
	return max(time.Second, time.Duration(d.Samples[n-1].AfterMS/int64(n-1)*3/4)*time.Millisecond)
}

// reject keeps a rejected document, of the first ones.
func (d *Detail) reject(r Rejected) {
	if len(d.Rejected) < maxRejected {
		d.Rejected = append(d.Rejected, r)
	}
}

// end takes over how the run ended.
func (d *Detail) end(e Ending) {
	now := time.Now().UTC()
	for _, text := range []string{e.Failure, e.Report.CatchUpError, e.Report.RetireError} {
		if text != "" {
			d.note(Event{At: now, Kind: EventError, Text: text})
		}
	}
	l := e.Report.Latency
	if l.Max == 0 {
		return
	}
	ms := func(t time.Duration) float64 { return float64(t.Microseconds()) / 1e3 }
	d.LatencyMS = map[string]float64{"p50": ms(l.P50), "p90": ms(l.P90), "p99": ms(l.P99), "max": ms(l.Max)}
}

// clone is a copy that may be read while d is written.
func (d *Detail) clone() *Detail {
	c := *d
	c.Events, c.Samples, c.Rejected = slices.Clone(d.Events), slices.Clone(d.Samples), slices.Clone(d.Rejected)
	return &c
}
