package fields_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/fields"
)

// TestWhatElasticsearchReadsAsSomethingElse: the values of docs/documents.md, sent to a
// real server, are read as it says.
func TestWhatElasticsearchReadsAsSomethingElse(t *testing.T) {
	t.Parallel()
	transport, err := es.New(es.Config{Addresses: []string{stacktest.Elasticsearch(t)}})
	if err != nil {
		t.Fatal(err)
	}
	index := stacktest.Prefix(t)
	const hex = "0101000000000000000000F03F0000000000000040" // what PostGIS prints for ST_MakePoint(1, 2)
	tests := []struct{ mapping, value, read string }{
		{`{"type":"geo_point"}`, `"` + hex + `"`, "-84.19921875, -180.0"},
		{`{"type":"geo_point"}`, `"POINT EMPTY"`, "0.0, 0.0"},
		{`{"type":"date"}`, `2024`, "2024-01-01T00:00:00.000Z"},
		{`{"type":"date"}`, `20240229`, "1970-01-01T05:37:20.229Z"},
		{`{"type":"date","format":"strict_date"}`, `"2023-02-29"`, "2023-03-01"},
		{`{"type":"double"}`, `-0.0`, "-0"},
		{`{"type":"double"}`, `1234567890123456789012345678901234567890`, "1.2345678901234568e+39"},
		{`{"type":"boolean"}`, `""`, "false"},
		{`{"type":"long"}`, `5.7`, "5"},
	}
	var properties, values bytes.Buffer
	var asked []string
	for i, tt := range tests {
		fmt.Fprintf(&properties, `,"f%d":%s`, i, tt.mapping)
		fmt.Fprintf(&values, `,"f%d":%s`, i, tt.value)
		asked = append(asked, fmt.Sprintf("f%d", i))
	}
	send := func(method, path, body string, answer any) {
		t.Helper()
		if err := es.Do(t.Context(), transport, method, "/"+index+path, []byte(body), answer); err != nil {
			t.Fatal(err)
		}
	}
	send(http.MethodPut, "", `{"settings":{"number_of_replicas":0},"mappings":{"dynamic":"strict","properties":{"r":{"type":"integer_range"}`+properties.String()+`}}}`, nil)
	send(http.MethodPut, "/_doc/1?refresh=true", `{"_doc_count":5,"r":{"gte":null,"lt":null}`+values.String()+`}`, nil)
	names, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Hits struct {
			Hits []struct {
				Fields map[string][]any `json:"fields"`
			} `json:"hits"`
		} `json:"hits"`
		Aggregations struct {
			N struct {
				Buckets []struct {
					Count int `json:"doc_count"`
				} `json:"buckets"`
			} `json:"n"`
		} `json:"aggregations"`
	}
	send(http.MethodPost, "/_search", fmt.Sprintf(
		`{"query":{"term":{"r":123}},"docvalue_fields":%s,"aggs":{"n":{"terms":{"field":"f8"}}}}`, names), &found)
	if len(found.Hits.Hits) != 1 || len(found.Aggregations.N.Buckets) != 1 {
		t.Fatalf("%+v; want the document, because a range of two nulls matches everything", found)
	}
	for i, tt := range tests {
		if diff := cmp.Diff([]string{tt.read}, texts(found.Hits.Hits[0].Fields[asked[i]])); diff != "" {
			t.Errorf("%s in %s (-want +got):\n%s", tt.value, tt.mapping, diff)
		}
	}
	if n := found.Aggregations.N.Buckets[0].Count; n != 5 {
		t.Errorf("one document with %s 5 counts %d; want 5", fields.DocCount, n)
	}
}

func texts(values []any) (all []string) {
	for _, v := range values {
		all = append(all, fmt.Sprint(v))
	}
	return all
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		column, kind, format string
		known, always        bool
	}{
		{"geometry", "geo_point", "", true, true},
		{"public.geography", "geo_point", "", true, true},
		{"jsonb", "geo_point", "", false, false},
		{"integer", "date", "", true, false},
		{"bigint", "date", "epoch_millis", false, false},
		{"timestamp with time zone", "date", "", false, false},
		{"text", "date", "strict_date", true, false},
		{"text", "date", "yyyy-MM-dd", false, false},
		{"jsonb", "integer_range", "", true, false},
		{"text", "keyword", "", false, false},
	} {
		v, known := fields.Judge(tt.column, tt.kind, tt.format)
		if known != tt.known || v.Always != tt.always || known && (v.Does == "" || v.Write == "") {
			t.Errorf("Judge(%q, %q, %q) = %+v, %t", tt.column, tt.kind, tt.format, v, known)
		}
	}
}
