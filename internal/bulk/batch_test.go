package bulk

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"example.com/reindex/internal/document"
)

func TestBatchAdd(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		doc  document.Document
		want string
	}{
		"without a version":          {doc("7", `{"a":1}`), `{"index":{"_id":"7"}}` + "\n" + `{"a":1}` + "\n"},
		"with a version":             {document.Document{ID: []byte("7"), Version: 3, JSON: []byte(`{}`)}, `{"index":{"_id":"7","version":3,"version_type":"external_gte"}}` + "\n{}\n"},
		"a deletion":                 {deletion("7", 0), `{"delete":{"_id":"7"}}` + "\n"},
		"a deletion with a version":  {deletion("7", 4), `{"delete":{"_id":"7","version":4,"version_type":"external_gte"}}` + "\n"},
		"an id with quotes and tabs": {doc("a\"\\\t\x00é", `{}`), `{"index":{"_id":"a\u0022\u005c\u0009\u0000é"}}` + "\n{}\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBatch(0)
			b.add(tt.doc)
			if got := string(b.body); got != tt.want {
				t.Errorf("body = %q; want %q", got, tt.want)
			}
			if got := b.id(b.items[0]); got != string(tt.doc.ID) {
				t.Errorf("id = %q; want %q", got, tt.doc.ID)
			}
			if len(b.body) > room(tt.doc) {
				t.Errorf("room(doc) = %d; the body took %d", room(tt.doc), len(b.body))
			}
		})
	}
}

func TestKeepMovesWhatIsLeftTogether(t *testing.T) {
	t.Parallel()
	b := newBatch(0)
	for _, id := range []string{"1", "22", "333", "4444"} {
		b.add(doc(id, `{"id":"`+id+`"}`))
	}
	view := b.items[1:] // the second part of a batch that was split
	kept := view[:0]
	start := view[0].start
	for _, it := range []item{view[1], view[2]} {
		kept = b.keep(kept, start, it)
	}
	want := `{"index":{"_id":"333"}}` + "\n" + `{"id":"333"}` + "\n" + `{"index":{"_id":"4444"}}` + "\n" + `{"id":"4444"}` + "\n"
	if got := string(b.bytes(kept)); got != want {
		t.Errorf("kept %q; want %q", got, want)
	}
	if got := b.id(b.items[0]); got != "1" {
		t.Errorf("the part before holds id %q; want 1", got)
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		doc  document.Document
		want string
	}{
		"an empty id":               {doc("", "{}"), "empty"},
		"an id of 513 bytes":        {doc(strings.Repeat("a", 513), "{}"), "512"},
		"an id of 512 bytes":        {doc(strings.Repeat("a", 512), "{}"), ""},
		"an id that is not UTF-8":   {doc("a\xff", "{}"), "UTF-8"},
		"a negative version":        {document.Document{ID: []byte("1"), Version: -1, JSON: []byte("{}")}, "version"},
		"an empty document":         {doc("1", ""), "object"},
		"an array":                  {doc("1", "[]"), "object"},
		"a document of two lines":   {doc("1", "{\n}"), "line break"},
		"a deletion":                {deletion("1", 0), ""},
		"a document of nearly 90 M": {document.Document{ID: []byte("1"), JSON: append([]byte("{"), make([]byte, 90<<20)...)}, "90 MiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := refuse(tt.doc)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("refuse() = %q; want %q", got, tt.want)
			}
		})
	}
}

func FuzzBulkBody(f *testing.F) {
	f.Add([]byte("1"), []byte(`{"a":1}`), int64(0), false)
	f.Add([]byte("a\x00\"\\\u2028"), []byte("{\x00\xff}"), int64(1<<62), false)
	f.Add([]byte("\x7f\x1f"), []byte{}, int64(7), true)
	f.Fuzz(func(t *testing.T, id, json []byte, version int64, del bool) {
		d := document.Document{ID: id, Version: version, JSON: json}
		if del {
			d.JSON = nil
		}
		if refuse(d) != "" {
			return
		}
		b := newBatch(0)
		for range 3 {
			b.add(d)
		}
		perDocument := 2
		if d.JSON == nil {
			perDocument = 1
		}
		if got := lines(b.body); got != 3*perDocument {
			t.Fatalf("%d lines for 3 documents: %q", got, b.body)
		}
		actions, err := parse(b.body)
		if err != nil || len(actions) != 3 {
			t.Fatalf("parse: %d actions, %v", len(actions), err)
		}
		for i, a := range actions {
			if a.ID != string(id) || a.json != string(d.JSON) || a.Version != max(version, 0) || b.id(b.items[i]) != string(id) {
				t.Fatalf("action %d is %+v; want id %q version %d", i, a, id, version)
			}
		}
		if len(b.body) > 3*room(d) {
			t.Fatalf("3 documents took %d bytes, room() promised %d", len(b.body), 3*room(d))
		}
	})
}

// FuzzBatches cuts a document size for each byte of the input.
func FuzzBatches(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(0))
	f.Add(bytes.Repeat([]byte{255}, 50), uint8(1))
	f.Add([]byte{0, 0, 255, 0}, uint8(200))
	f.Fuzz(func(t *testing.T, sizes []byte, extra uint8) {
		limit := minBatchBytes + int(extra)
		x := newIndex()
		es := transport(func(req *http.Request) (*http.Response, error) {
			if size := int(req.ContentLength); size > limit {
				b := make([]byte, size)
				_, _ = req.Body.Read(b)
				if actions, err := parse(b); err != nil || len(actions) != 1 {
					t.Errorf("a request of %d bytes holds %d documents; want 1 above %d bytes", size, len(actions), limit)
				}
				req.Body, _ = req.GetBody()
			}
			return x.Perform(req)
		})
		l := mustNew(t, es, Options{BatchBytes: limit, Workers: 2})
		var docs []document.Document
		for i, size := range sizes {
			docs = append(docs, doc(string(rune('a'+i)), `{"a":"`+strings.Repeat("x", 8*int(size))+`"}`))
		}
		if err := l.Load(context.Background(), documents(docs...)); err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if got := x.docs[string(d.ID)].json; got != string(d.JSON) {
				t.Errorf("document %s is %q; want %q", d.ID, got, d.JSON)
			}
		}
		if x.has() != len(sizes) {
			t.Errorf("%d documents; want %d", x.has(), len(sizes))
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	sink := transport(func(*http.Request) (*http.Response, error) { return nil, http.ErrHandlerTimeout })
	l := mustNew(b, sink, Options{})
	batches := make(chan *batch)
	done := make(chan struct{})
	l.free = make(chan *batch, 2)
	go func() {
		defer close(done)
		for full := range batches {
			l.giveBack(full)
		}
	}()
	fd := &feeder{loader: l, ctx: b.Context(), batches: batches, batch: l.takeBatch()}
	d := document.Document{ID: []byte("1234567"), Version: 12, JSON: append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), 830)...)}
	b.SetBytes(int64(len(d.JSON)))
	b.ReportAllocs()
	for b.Loop() {
		if err := fd.add(d); err != nil {
			b.Fatal(err)
		}
	}
	close(batches)
	<-done
}
