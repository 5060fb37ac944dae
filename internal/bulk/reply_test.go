package bulk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unfiltered is a reply of 8.19.7 to a request without filter_path.
const unfiltered = `{"errors":true,"took":200,"items":[` +
	`{"index":{"_index":"p-1","_id":"1","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}},` +
	`{"index":{"_index":"p-1","_id":"2","status":400,"error":{"type":"document_parsing_exception","reason":"[1:6] failed to parse field [a] of type [long] in document with id '2'. Preview of field's value: 'h\"ello'","caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"h\""}}}},` +
	`{"delete":{"_index":"p-1","_id":"none","_version":1,"result":"not_found","status":404}}]}`

func TestParseReply(t *testing.T) {
	t.Parallel()
	type want struct {
		Status int
		Failed bool
		Kind   string
	}
	tests := map[string]struct {
		reply string
		want  []want
	}{
		"all fields":           {unfiltered, []want{{201, false, ""}, {400, true, "document_parsing_exception"}, {404, false, ""}}},
		"filtered":             {`{"items":[{"index":{"status":201}},{"index":{"status":200}}]}`, []want{{201, false, ""}, {200, false, ""}}},
		"white space":          {" {\n \"items\" : [ { \"index\" : { \"status\" : 201 } } ] } \n", []want{{201, false, ""}}},
		"no documents":         {`{"items":[]}`, nil},
		"an error as text":     {`{"items":[{"index":{"status":503,"error":"gone away"}}]}`, []want{{503, true, ""}}},
		"an error of numbers":  {`{"items":[{"index":{"status":503,"error":{"type":7,"reason":null}}}]}`, []want{{503, true, ""}}},
		"unknown fields":       {`{"x":[{"y":[1,-2e9,true,null,"\""]}],"items":[{"index":{"new":{"a":[]},"status":201}}]}`, []want{{201, false, ""}}},
		"an escaped character": {`{"items":[{"index":{"status":429,"error":{"type":"es_\u0072ejected"}}}]}`, []want{{429, true, "es_rejected"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers, err := parseReply([]byte(tt.reply), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []want
			for _, a := range answers {
				got = append(got, want{a.status, a.failed, plain(a.kind)})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseReplyRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"nothing":                     ``,
		"a page of a proxy":           `<html>busy</html>`,
		"a reply without items":       `{"errors":false}`,
		"items twice":                 `{"items":[],"items":[]}`,
		"a cut reply":                 unfiltered[:len(unfiltered)-20],
		"a reply with a tail":         `{"items":[]} {}`,
		"an item without a status":    `{"items":[{"index":{}}]}`,
		"an item with two actions":    `{"items":[{"index":{"status":201},"delete":{"status":200}}]}`,
		"an item without an action":   `{"items":[{}]}`,
		"a status that is no status":  `{"items":[{"index":{"status":20100}}]}`,
		"a status as text":            `{"items":[{"index":{"status":"201"}}]}`,
		"a comma too many":            `{"items":[{"index":{"status":201}},]}`,
		"nesting to exhaust a stack":  `{"x":` + strings.Repeat("[", 1<<20),
		"nesting deeper than allowed": `{"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `,"items":[]}`,
	}
	for name, reply := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if answers, err := parseReply([]byte(reply), nil); err == nil {
				t.Errorf("parseReply() = %d answers; want an error", len(answers))
			}
		})
	}
}

// sampleReply is a filtered reply to n documents.
func sampleReply(n int) []byte {
	return []byte(`{"items":[` + strings.TrimSuffix(strings.Repeat(`{"index":{"status":201}},`, n), ",") + `]}`)
}

func FuzzBulkReply(f *testing.F) {
	f.Add([]byte(unfiltered))
	f.Add(sampleReply(3))
	f.Add([]byte(`{"items":[{"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"x\u0000"}}}]}`))
	f.Add([]byte(`{"items":[{"index":{"status":201}},`))
	f.Fuzz(func(t *testing.T, reply []byte) {
		const sent = 3
		b := newBatch(0)
		for i := range sent {
			b.add(doc(fmt.Sprint(i), `{}`))
		}
		answers, err := parseReply(reply, nil)
		if err != nil {
			return
		}
		for i, a := range answers {
			if a.status < 100 || a.status > 599 {
				t.Errorf("answer %d has status %d", i, a.status)
			}
		}
		if len(answers) != sent {
			return
		}
		s := newSender(mustNew(t, newIndex(), Options{}))
		left, err := s.settle(b, b.items, answers)
		c := s.loader.Counts()
		if err == nil && c.Acknowledged+c.Failed+int64(len(left.items)) != sent {
			t.Errorf("%d acknowledged + %d failed + %d left of %d documents", c.Acknowledged, c.Failed, len(left.items), sent)
		}
		if len(left.items) > 0 && lines(b.bytes(left.items)) != 2*len(left.items) {
			t.Errorf("%d documents left in %q", len(left.items), b.bytes(left.items))
		}
	})
}

func BenchmarkReply(b *testing.B) {
	const n = 5000 // documents of a batch of 4 MiB
	full := []byte(`{"errors":false,"took":30,"items":[` + strings.TrimSuffix(strings.Repeat(
		`{"index":{"_index":"p-1","_id":"1234567","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":100000,"_primary_term":1,"status":201}},`, n), ",") + `]}`)
	for name, reply := range map[string][]byte{"filtered": sampleReply(n), "all fields": full} {
		b.Run(name, func(b *testing.B) {
			answers := make([]answer, 0, n)
			b.ReportAllocs()
			b.SetBytes(int64(len(reply)))
			for b.Loop() {
				var err error
				if answers, err = parseReply(reply, answers[:0]); err != nil || len(answers) != n {
					b.Fatal(len(answers), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/doc")
		})
		b.Run(name+" with encoding/json", func(b *testing.B) {
			b.SetBytes(int64(len(reply)))
			for b.Loop() {
				var std struct {
					Items []map[string]struct {
						Status int
						Error  struct{ Type, Reason string }
					}
				}
				if err := json.Unmarshal(reply, &std); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/doc")
		})
	}
}
