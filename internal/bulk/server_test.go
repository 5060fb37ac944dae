package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/document"
)

// server is an index of this test on a real Elasticsearch, with its writer
// alias.
type server struct {
	url, index, alias string
	client            *elastictransport.Client
}

const strictMapping = `{
	"settings": {"number_of_replicas": 0},
	"mappings": {"dynamic": "strict", "properties": {"personId": {"type": "long"}, "born": {"type": "date"}}}
}`

func newServer(t *testing.T) *server {
	t.Helper()
	url := stacktest.Elasticsearch(t)
	conn := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(conn.CloseIdleConnections)
	address, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	client, err := elastictransport.NewClient(
		elastictransport.WithURLs(address), elastictransport.WithDisableRetry(), elastictransport.WithTransport(conn))
	if err != nil {
		t.Fatal(err)
	}
	index := stacktest.Prefix(t) + "-1"
	s := &server{url: url, index: index, alias: index + ".w", client: client}
	s.call(t, http.MethodPut, "/"+index, strictMapping)
	s.call(t, http.MethodPut, "/"+index+"/_alias/"+s.alias, "")
	return s
}

// call makes a request that must succeed and returns its body.
func (s *server) call(t *testing.T, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Perform(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, text, err)
	}
	return string(text)
}

func (s *server) count(t *testing.T) int {
	t.Helper()
	s.call(t, http.MethodPost, "/"+s.index+"/_refresh", "")
	var reply struct{ Count int }
	if err := json.Unmarshal([]byte(s.call(t, http.MethodGet, "/"+s.index+"/_count", "")), &reply); err != nil {
		t.Fatal(err)
	}
	return reply.Count
}

func (s *server) load(t *testing.T, opts Options, producers ...Producer) (*Loader, error) {
	t.Helper()
	opts.Target = s.alias
	l := mustNew(t, s.client, opts)
	return l, l.Load(t.Context(), producers...)
}

func (s *server) mustLoad(t *testing.T, opts Options, producers ...Producer) Counts {
	t.Helper()
	l, err := s.load(t, opts, producers...)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	c := l.Counts()
	c.Requests, c.Bytes = 0, 0
	return c
}

func TestServerTakesEveryDocument(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	l, err := s.load(t, Options{Fresh: true, BatchBytes: 64 << 10}, people(0, 10_000, 0), people(10_000, 10_000, 1))
	if err != nil {
		t.Fatal(err)
	}
	if c := l.Counts(); c.Created != 20_000 || s.count(t) != 20_000 {
		t.Errorf("counts = %+v, the index has %d; want 20000 created", c, s.count(t))
	}
}

func TestServerKeepsOddIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ids := []string{"a b", "\x00\x1f\x7f", `"\/`, "é\u2028😀", strings.Repeat("x", 512), "require-alias"}
	var docs []document.Document
	for _, id := range ids {
		docs = append(docs, doc(id, `{"personId":1}`))
	}
	s.mustLoad(t, Options{Fresh: true}, documents(docs...))
	s.count(t) // refresh
	var found struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			}
		}
	}
	if err := json.Unmarshal([]byte(s.call(t, http.MethodGet, "/"+s.index+"/_search?size=100", "")), &found); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, hit := range found.Hits.Hits {
		got = append(got, hit.ID)
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestServerRejectsDocuments(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	bad := documents(doc("bad1", `{"surname":"secret"}`), doc("bad2", `{"born":"secret"}`), doc("bad3", `{"personId":secret}`))
	l, err := s.load(t, Options{Fresh: true}, people(0, 100, 0), bad)
	var many *FailuresError
	if !errors.As(err, &many) || many.Counts.Failed != 3 || strings.Contains(err.Error(), "secret") {
		t.Fatalf("Load = %v; want 3 failures and no document content", err)
	}
	want := []Failure{
		{ID: "bad1", Status: 400, Type: "strict_dynamic_mapping_exception", Reason: "mapping set to strict, dynamic introduction of [surname] within [_doc] is not allowed"},
		{ID: "bad2", Status: 400, Type: "document_parsing_exception", Reason: "failed to parse field [born] of type [date]: a text that is no date of the format [strict_date_optional_time||epoch_millis]"},
		{ID: "bad3", Status: 400, Type: "document_parsing_exception", Reason: "the JSON is not valid (Unrecognized token)"},
	}
	if !strings.Contains(many.First[1].Unredacted(), "secret") {
		t.Errorf("the full text is %q; want Elasticsearch's own words", many.First[1].Unredacted())
	}
	withoutFull := cmpopts.IgnoreUnexported(Failure{})
	if diff := cmp.Diff(want, many.First, withoutFull); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, l.Failures(), withoutFull); diff != "" {
		t.Errorf("failures kept (-want +got):\n%s", diff)
	}
	good := s.mustLoad(t, Options{MaxFailures: 3}, bad, people(0, 100, 0))
	if good.Failed != 3 || good.Acknowledged != 100 {
		t.Errorf("counts = %+v; want 100 acknowledged and 3 failed", good)
	}
}

func TestServerVersions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at := func(version int64) Producer { return people(1, 10, version) }
	deletions := func(version int64) Producer { return documents(deletion("1", version), deletion("2", version)) }
	steps := []struct {
		name string
		load Producer
		want Counts
	}{
		{"new documents", at(3), Counts{Read: 10, Acknowledged: 10, Created: 10}},
		{"the same version again", at(3), Counts{Read: 10, Acknowledged: 10, Updated: 10}},
		{"an older version", at(2), Counts{Read: 10, Acknowledged: 10, Conflicts: 10}},
		{"a newer version", at(4), Counts{Read: 10, Acknowledged: 10, Updated: 10}},
		{"a late deletion", deletions(3), Counts{Read: 2, Acknowledged: 2, Conflicts: 2}},
		{"a deletion", deletions(5), Counts{Read: 2, Acknowledged: 2, Deleted: 2}},
		{"the same deletion again", deletions(5), Counts{Read: 2, Acknowledged: 2, NotFound: 2}},
		{"a late document", people(1, 2, 4), Counts{Read: 2, Acknowledged: 2, Conflicts: 2}},
		{"a deletion without a version", documents(deletion("3", 0), deletion("nobody", 0)), Counts{Read: 2, Acknowledged: 2, Deleted: 1, NotFound: 1}},
	}
	for _, step := range steps {
		if diff := cmp.Diff(step.want, s.mustLoad(t, Options{}, step.load)); diff != "" {
			t.Errorf("%s: counts (-want +got):\n%s", step.name, diff)
		}
	}
	if got := s.count(t); got != 7 {
		t.Errorf("the index has %d documents; want 7", got)
	}
}

func TestServerKeepsWhatSomebodyElseWrote(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustLoad(t, Options{}, people(1, 2, 0)) // sequence numbers 0 and 1, primary term 1
	write := func(id string, seqNo int64) document.Document {
		return document.Document{ID: []byte(id), JSON: []byte(`{"personId":9}`), SeqNo: seqNo, PrimaryTerm: 1}
	}
	remove := func(id string, seqNo int64) document.Document {
		return document.Document{ID: []byte(id), SeqNo: seqNo, PrimaryTerm: 1}
	}
	create := func(id string) document.Document {
		return document.Document{ID: []byte(id), JSON: []byte(`{"personId":9}`), Create: true}
	}
	steps := []struct {
		name string
		doc  document.Document
		want Counts
	}{
		{"a change of a document that was touched since", write("1", 77), Counts{Read: 1, Acknowledged: 1, Conflicts: 1}},
		{"a deletion of one that was touched since", remove("1", 77), Counts{Read: 1, Acknowledged: 1, Conflicts: 1}},
		{"a new document that is there", create("1"), Counts{Read: 1, Acknowledged: 1, Conflicts: 1}},
		{"a new document that is not there", create("3"), Counts{Read: 1, Acknowledged: 1, Created: 1}},
		{"a change of an untouched one", write("1", 0), Counts{Read: 1, Acknowledged: 1, Updated: 1}},
		{"a deletion of an untouched one", remove("2", 1), Counts{Read: 1, Acknowledged: 1, Deleted: 1}},
	}
	for _, step := range steps {
		if diff := cmp.Diff(step.want, s.mustLoad(t, Options{Workers: 1}, documents(step.doc))); diff != "" {
			t.Errorf("%s: counts (-want +got):\n%s", step.name, diff)
		}
	}
	if got := s.count(t); got != 2 {
		t.Errorf("the index has %d documents; want 2", got)
	}
}

func TestServerNamesADouble(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, err := s.load(t, Options{Fresh: true}, people(0, 500, 0), documents(doc("x", "{}"), doc("x", "{}")))
	var double *DuplicateError
	if !errors.As(err, &double) || double.ID != "x" {
		t.Errorf("Load = %v; want the double x", err)
	}
}

func TestServerAliasRemovedInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	pulled := func(ctx context.Context, add func(document.Document) error) error {
		if err := people(0, 5000, 1)(ctx, add); err != nil {
			return err
		}
		s.call(t, http.MethodDelete, "/"+s.index+"/_alias/"+s.alias, "")
		return people(5000, 5000, 1)(ctx, add)
	}
	_, err := s.load(t, Options{Fresh: true, BatchBytes: 16 << 10}, pulled)
	if !errors.Is(err, ErrTargetGone) || !strings.Contains(fmt.Sprint(err), "bulk request to "+s.alias+": the writer alias is gone") {
		t.Errorf("Load = %v; want %v", err, ErrTargetGone)
	}
	s.wantNoIndex(t, s.alias)
}

// Versioned deletions on their own would create an index with the name of the
// alias, require_alias or not; the guard keeps them from it.
func TestServerDeletionsDoNotCreateTheTarget(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.call(t, http.MethodDelete, "/"+s.index+"/_alias/"+s.alias, "")
	if _, err := s.load(t, Options{}, documents(deletion("1", 3), deletion("2", 3))); !errors.Is(err, ErrTargetGone) {
		t.Errorf("Load = %v; want %v", err, ErrTargetGone)
	}
	s.wantNoIndex(t, s.alias)
}

func (s *server) wantNoIndex(t *testing.T, name string) {
	t.Helper()
	if got := s.call(t, http.MethodGet, "/_cat/indices/"+name+"*?h=index", ""); got != "" {
		t.Errorf("there is an index %s", got)
	}
}

func TestServerBlocksEndTheLoad(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ block, want string }{
		"read-only":   {"read_only", "403 cluster_block_exception"},
		"write":       {"write", "403 cluster_block_exception"},
		"flood stage": {"read_only_allow_delete", "429 cluster_block_exception"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			set := func(value string) {
				s.call(t, http.MethodPut, "/"+s.index+"/_settings", `{"index.blocks.`+tt.block+`":`+value+`}`)
			}
			set("true")
			defer set("null")
			l, err := s.load(t, Options{Fresh: true}, people(0, 10, 0))
			if err == nil || !strings.Contains(err.Error(), tt.want) || l.Counts().Requests != 1 {
				t.Errorf("Load = %v after %d requests; want %q after one", err, l.Counts().Requests, tt.want)
			}
		})
	}
}

func TestServerClosedIndexEndsTheLoad(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.call(t, http.MethodPost, "/"+s.index+"/_close", "")
	_, err := s.load(t, Options{MaxFailures: 1000}, people(0, 10, 0))
	if err == nil || !strings.Contains(err.Error(), "index_closed_exception") {
		t.Errorf("Load = %v; want index_closed_exception", err)
	}
}

// The answer to a request above http.max_content_length must arrive, although
// the server stops reading in the middle of it.
func TestServerTooLarge(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	body := make([]byte, 101<<20)
	sender := newSender(mustNew(t, s.client, Options{Target: s.alias}))
	res, err := sender.post(t.Context(), body, false)
	if err != nil || judgeRequest(res.status, "") != split {
		t.Errorf("post = %+v, %v; want 413", res, err)
	}
}
