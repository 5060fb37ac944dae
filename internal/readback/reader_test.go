package readback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"go.uber.org/goleak"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
)

func TestMain(m *testing.M) {
	// Idle connections end with the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// index makes an index with the id field mapped as kind and puts documents
// into it, by _id.
func index(t *testing.T, kind string, documents map[string]string) (esapi.Transport, string) {
	t.Helper()
	transport, err := es.New(es.Config{Addresses: []string{stacktest.Elasticsearch(t)}})
	if err != nil {
		t.Fatal(err)
	}
	name := stacktest.Prefix(t)
	do(t, transport, http.MethodPut, "/"+name, `{"settings":{"number_of_shards":3,"number_of_replicas":0},
		"mappings":{"properties":{"id":{"type":"`+kind+`"},"text":{"type":"keyword","index":false,"doc_values":false}}}}`)
	var body bytes.Buffer
	for id, document := range documents {
		fmt.Fprintf(&body, "{\"index\":{\"_id\":%q}}\n%s\n", id, document)
	}
	do(t, transport, http.MethodPost, "/"+name+"/_bulk", body.String())
	return transport, name
}

func do(t *testing.T, transport esapi.Transport, method, path, body string) {
	t.Helper()
	if err := es.Do(t.Context(), transport, method, path, []byte(body), nil); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, transport esapi.Transport, name string) *Reader {
	t.Helper()
	r, err := Open(t.Context(), transport, name, "id")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// all reads everything and calls each for every document.
func all(t *testing.T, r *Reader, each func(*Hit)) {
	t.Helper()
	for {
		hit, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if hit == nil {
			return
		}
		each(hit)
	}
}

func TestReaderIsInOrderOfTheIDs(t *testing.T) {
	t.Parallel()
	for kind, ids := range map[string][]string{
		"long":    {"-9223372036854775808", "-1", "9", "10", "9007199254740992", "9007199254740993", "9223372036854775807"},
		"keyword": {"10", "9", "Z", "a", "a b\\\"", "z", "é", "\U0001F600"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			documents := map[string]string{"none": `{"text":"x"}`, "null": `{"id":null}`, "empty": `{"id":[]}`}
			for i, id := range ids {
				value, err := json.Marshal(id)
				if kind == "long" {
					value = []byte(id)
				}
				if err != nil {
					t.Fatal(err)
				}
				documents[fmt.Sprint("doc ", i)] = `{"id":` + string(value) + `}`
			}
			transport, name := index(t, kind, documents)
			r := open(t, transport, name)
			r.size = 1
			var got []string
			keyless := 0
			all(t, r, func(h *Hit) {
				if h.Version != 1 || h.PrimaryTerm != 1 || string(h.Source) != documents[h.ID] {
					t.Errorf("hit %+v of document %s", h, documents[h.ID])
				}
				if !h.HasKey {
					keyless++
					return
				}
				if keyless > 0 {
					t.Errorf("%s comes after a document without id", h.ID)
				}
				got = append(got, h.Key.String())
			})
			if strings.Join(got, " ") != strings.Join(ids, " ") || keyless != 3 || r.Read() != int64(len(documents)) {
				t.Errorf("read %q and %d without id, %d in all; want %q and 3", got, keyless, r.Read(), ids)
			}
		})
	}
}

func TestReaderHoldsOnePage(t *testing.T) {
	t.Parallel()
	const size = 40 << 10
	documents := map[string]string{}
	for i := range 420 {
		documents[fmt.Sprint(i)] = fmt.Sprintf(`{"id":%d,"text":%q}`, i, strings.Repeat("x", size))
	}
	transport, name := index(t, "long", documents)
	r := open(t, transport, name)
	n := 0
	all(t, r, func(*Hit) {
		n++
		if n <= firstPage {
			return
		}
		if len(r.page) > pageBytes/size {
			t.Fatalf("a page has %d documents of %d bytes, want at most %d bytes", len(r.page), size, pageBytes)
		}
	})
	if n != len(documents) {
		t.Errorf("read %d of %d documents", n, len(documents))
	}
}

func TestReaderSeesOneMoment(t *testing.T) {
	t.Parallel()
	transport, name := index(t, "long", map[string]string{"1": `{"id":1}`, "2": `{"id":2}`})
	r := open(t, transport, name)
	do(t, transport, http.MethodPut, "/"+name+"/_doc/3?refresh=true", `{"id":3}`)
	do(t, transport, http.MethodPut, "/"+name+"/_doc/1?refresh=true", `{"id":1,"text":"new"}`)
	var got []string
	all(t, r, func(h *Hit) { got = append(got, string(h.Source)) })
	if want := `[{"id":1} {"id":2}]`; fmt.Sprint(got) != want {
		t.Errorf("read %v, want %s", got, want)
	}
}

func TestReaderWithoutItsPointInTime(t *testing.T) {
	t.Parallel()
	transport, name := index(t, "long", map[string]string{"1": `{"id":1}`})
	r := open(t, transport, name)
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "start again") {
		t.Errorf("Next = %v; want an error that says to start again", err)
	}
}

// cutOff answers searches for more than most documents with half an answer.
type cutOff struct {
	most  int
	asked []int
}

func (c *cutOff) Perform(req *http.Request) (*http.Response, error) {
	var query struct{ Size int }
	if err := json.NewDecoder(req.Body).Decode(&query); err != nil {
		return nil, err
	}
	c.asked = append(c.asked, query.Size)
	answer := `{"hits":{"hits":[]}}`
	if query.Size > c.most {
		answer = answer[:9]
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func TestAnswerThatIsTooLargeMakesPagesSmaller(t *testing.T) {
	t.Parallel()
	server := &cutOff{most: 60}
	r := &Reader{t: server, index: "i", field: "id", order: ByValue, size: firstPage}
	if hit, err := r.Next(t.Context()); hit != nil || err != nil {
		t.Errorf("Next = %v, %v; want the end", hit, err)
	}
	if got := fmt.Sprint(server.asked); got != "[200 100 50 50]" {
		t.Errorf("asked for %s documents, want [200 100 50 50]", got)
	}
	server.most, r.done, r.keyless = 0, false, false
	var syntax *json.SyntaxError
	if _, err := r.Next(t.Context()); !errors.As(err, &syntax) {
		t.Errorf("Next = %v; want the answer's error when one document is too large", err)
	}
}

func TestIDFieldsThatHaveNoOrder(t *testing.T) {
	t.Parallel()
	no := false
	for want, p := range map[string]property{
		"is mapped as text":         {Type: "text"},
		"is mapped as double":       {Type: "double"},
		"is an object":              {},
		"without doc_values":        {Type: "long", DocValues: &no},
		"makes different ids equal": {Type: "keyword", Normalizer: "lowercase"},
	} {
		if got := p.problem(true); !strings.Contains(got, want) {
			t.Errorf("problem(%+v) = %q, want %q", p, got, want)
		}
	}
	if got := (property{}).problem(false); got != "is not mapped" {
		t.Errorf("problem of a field that is not there = %q", got)
	}
}
