package bulk

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/reindex/internal/document"
)

// weather is a server on a bad day: one request in two meets something. It
// has no clock and no state but the index, so each seed is a story of its own.
type weather struct {
	index   *index
	accepts int64

	mu  sync.Mutex
	rng *rand.Rand
}

func (w *weather) dice(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

func (w *weather) Perform(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	return w.answer(body).send()
}

func (w *weather) answer(body []byte) reply {
	if int64(len(body)) > w.accepts {
		return reply{status: http.StatusRequestEntityTooLarge}
	}
	switch w.dice(12) {
	case 0: // refused: never reached the index
		return reply{}
	case 1:
		return reply{status: http.StatusServiceUnavailable}
	case 2:
		return reply{status: http.StatusTooManyRequests, text: `{"error":{"type":"es_rejected_execution_exception"}}`}
	case 3: // lost: applied, but the answer never came
		w.index.answer(body)
		return reply{}
	case 4: // lost in the middle of the answer
		text := w.index.answer(body).text
		return reply{status: http.StatusOK, text: text[:w.dice(len(text))]}
	case 5: // lost behind a gateway that answers itself
		w.index.answer(body)
		return reply{status: http.StatusGatewayTimeout, text: "<html>"}
	}
	return w.index.answer(body)
}

// reject refuses one document in eight for now.
func (w *weather) reject(string) string {
	switch w.dice(16) {
	case 0:
		return itemError(http.StatusTooManyRequests, "es_rejected_execution_exception", "")
	case 1:
		return itemError(http.StatusServiceUnavailable, "unavailable_shards_exception", "")
	}
	return ""
}

func TestEveryDocumentArrivesWhateverHappens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { tryWeather(t, seed) })
		})
	}
}

func tryWeather(t *testing.T, seed uint64) {
	t.Helper()
	const each = 400
	version := int64(seed % 2) // half of them with versions
	x := newIndex()
	w := &weather{index: x, accepts: 700 + int64(seed)*20, rng: rand.New(rand.NewPCG(seed, 1))}
	x.reject = w.reject
	l := mustNew(t, w, Options{Fresh: true, BatchBytes: 2048, Workers: 1 + int(seed%5), MaxFailures: 1, RetryFor: time.Hour})
	gone := documents(deletion("9991", version), deletion("9992", version), document.Document{ID: []byte("1\xff"), JSON: []byte("{}")})
	if err := l.Load(t.Context(), people(0, each, version), people(each, each, version), gone); err != nil {
		t.Fatalf("Load: %v (%+v)", err, l.Counts())
	}
	c := l.Counts()
	if c.Read != 2*each+3 || c.Acknowledged != 2*each+2 || c.Failed != 1 || c.Created+c.Updated != 2*each {
		t.Errorf("counts = %+v; want %d read, 2 deletions, 1 failure", c, 2*each+3)
	}
	if x.has() != 2*each {
		t.Errorf("%d documents; want %d", x.has(), 2*each)
	}
	for i := range 2 * each {
		id := strconv.Itoa(i)
		if got, want := x.docs[id].json, `{"personId":`+id+`}`; got != want {
			t.Errorf("document %s is %q; want %q", id, got, want)
		}
	}
}
