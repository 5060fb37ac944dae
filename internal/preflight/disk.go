package preflight

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"example.com/reindex/internal/es"
)

// diskSettings is where Elasticsearch keeps what it does about full disks.
const diskSettings = "cluster.routing.allocation.disk."

// disk compares the room below the high watermark with the size of the live
// index: while a run loads there are two of them, with its replicas.
func (t Target) disk(ctx context.Context) Finding {
	const subject = "disk"
	enabled, err := t.setting(ctx, diskSettings+"threshold_enabled")
	if err != nil {
		return notAsked(subject, err)
	}
	if enabled == "false" {
		return ok(subject, "Elasticsearch does not watch its disks ("+diskSettings+"threshold_enabled)")
	}
	high, err := t.highWatermark(ctx)
	if err != nil {
		return notAsked(subject, err)
	}
	room, err := t.room(ctx, high)
	if err != nil {
		return notAsked(subject, err)
	}
	size, err := t.liveSize(ctx)
	if err != nil {
		return notAsked(subject, err)
	}
	text := fmt.Sprintf("%s free below the high watermark (%s); the live index takes %s",
		humanize.IBytes(uint64(max(0, room))), high.text, humanize.IBytes(uint64(max(0, size))))
	switch {
	case room < size:
		return problem(subject, text, "free disk space, or add a node: a run needs room for a second copy (docs/operations.md, the disk is full)")
	case room < 2*size:
		return warning(subject, text, "merging can take twice the size for a while")
	}
	return ok(subject, text)
}

// room is what the nodes together may still take.
func (t Target) room(ctx context.Context, high watermark) (int64, error) {
	var nodes []struct {
		Avail string `json:"disk.avail"`
		Total string `json:"disk.total"`
	}
	const path = "/_cat/allocation?format=json&bytes=b&h=disk.avail,disk.total"
	if err := es.Do(ctx, t.ES, http.MethodGet, path, nil, &nodes); err != nil {
		return 0, err
	}
	var room int64
	for _, n := range nodes {
		avail, errA := strconv.ParseInt(n.Avail, 10, 64)
		total, errT := strconv.ParseInt(n.Total, 10, 64)
		if errA == nil && errT == nil { // the line of unassigned shards has neither
			room += max(0, avail-high.reserve(total))
		}
	}
	return room, nil
}

// watermark is how much of each disk Elasticsearch wants to keep free.
type watermark struct {
	text  string  // as it is set
	part  float64 // of the disk that may be full; 0 if bytes says it all
	bytes int64   // to be kept free, at most; math.MaxInt64 if nothing limits it
}

func (w watermark) reserve(total int64) int64 {
	if w.part == 0 {
		return w.bytes
	}
	return min(int64(float64(total)*(1-w.part)), w.bytes)
}

// highWatermark reads the setting, which is "90%", "0.9", or the bytes that are
// to stay free ("20gb"). A part is capped by max_headroom, 150 GB unless the
// watermark itself is set: a tenth of a large disk is a lot.
func (t Target) highWatermark(ctx context.Context) (watermark, error) {
	const name = diskSettings + "watermark.high"
	text, err := t.setting(ctx, name)
	if err != nil {
		return watermark{}, err
	}
	if bytes, ok := parseSize(text); ok {
		return watermark{text: text + " free", bytes: bytes}, nil
	}
	number, isPercentage := strings.CutSuffix(text, "%")
	part, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return watermark{}, fmt.Errorf("%s is %q", name, text)
	}
	if isPercentage {
		part /= 100
	}
	headroom, err := t.setting(ctx, name+".max_headroom")
	if err != nil {
		return watermark{}, err
	}
	w := watermark{text: text, part: part, bytes: math.MaxInt64}
	if bytes, ok := parseSize(headroom); ok {
		w.text, w.bytes = text+" or all but "+headroom, bytes
	}
	return w, nil
}

// parseSize reads a size as Elasticsearch writes it: "150gb", in powers of 1024.
func parseSize(text string) (int64, bool) {
	number, ok := strings.CutSuffix(strings.ToLower(text), "b")
	if !ok {
		return 0, false
	}
	factor := int64(1)
	for i, unit := range []string{"k", "m", "g", "t", "p"} {
		if n, ok := strings.CutSuffix(number, unit); ok {
			number, factor = n, 1<<(10*(i+1))
		}
	}
	size, err := strconv.ParseFloat(number, 64)
	if err != nil || size < 0 {
		return 0, false
	}
	return int64(size * float64(factor)), true
}

func (t Target) liveSize(ctx context.Context) (int64, error) {
	live, err := t.Alias.Live(ctx)
	if err != nil || live == "" {
		return 0, err
	}
	var stats struct {
		All struct {
			Total struct {
				Store struct {
					Bytes int64 `json:"size_in_bytes"`
				} `json:"store"`
			} `json:"total"`
		} `json:"_all"`
	}
	err = es.Do(ctx, t.ES, http.MethodGet, "/"+live+"/_stats/store", nil, &stats)
	return stats.All.Total.Store.Bytes, err
}
