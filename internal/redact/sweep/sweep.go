// Package sweep has Elasticsearch refuse documents of every kind, with a marker
// in every value, and looks for the marker in what package redact passes on.
package sweep

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"example.com/reindex/internal/redact"
)

// Documents is how many documents a sweep sends.
const Documents = 10_000

// Marker is in every text of a sweep's documents, and Digits in every number.
const (
	Marker = "MaRk3r"
	Digits = "4711"
)

// fields are a field of every type, by its mapping. Those that a version does not
// know are left out for it.
func fields() map[string]string {
	return map[string]string{
		"f_long": `{"type":"long"}`, "f_integer": `{"type":"integer"}`, "f_short": `{"type":"short"}`, "f_byte": `{"type":"byte"}`,
		"f_double": `{"type":"double"}`, "f_float": `{"type":"float"}`, "f_half_float": `{"type":"half_float"}`,
		"f_exact": `{"type":"long","coerce":false}`, "f_scaled": `{"type":"scaled_float","scaling_factor":100}`, "f_unsigned": `{"type":"unsigned_long"}`,
		"f_boolean": `{"type":"boolean"}`, "f_date": `{"type":"date"}`, "f_day": `{"type":"date","format":"strict_date"}`, "f_nanos": `{"type":"date_nanos"}`,
		"f_keyword": `{"type":"keyword"}`, "f_text": `{"type":"text"}`, "f_binary": `{"type":"binary"}`, "f_ip": `{"type":"ip"}`, "f_version": `{"type":"version"}`,
		"f_integer_range": `{"type":"integer_range"}`, "f_long_range": `{"type":"long_range"}`, "f_double_range": `{"type":"double_range"}`,
		"f_float_range": `{"type":"float_range"}`, "f_date_range": `{"type":"date_range"}`, "f_ip_range": `{"type":"ip_range"}`,
		"f_geo_point": `{"type":"geo_point"}`, "f_geo_shape": `{"type":"geo_shape"}`, "f_point": `{"type":"point"}`, "f_shape": `{"type":"shape"}`,
		"f_vector": `{"type":"dense_vector","dims":3}`, "f_bytes": `{"type":"dense_vector","dims":3,"element_type":"byte"}`,
		"f_unit": `{"type":"dense_vector","dims":3,"similarity":"dot_product","index":true}`, "f_sparse": `{"type":"sparse_vector"}`,
		"f_flattened": `{"type":"flattened"}`, "f_object": `{"properties":{"a":{"type":"long"}}}`, "f_nested": `{"type":"nested","properties":{"a":{"type":"long"}}}`,
		"f_completion": `{"type":"completion"}`, "f_search": `{"type":"search_as_you_type"}`, "f_count": `{"type":"token_count","analyzer":"standard"}`,
		"f_rank": `{"type":"rank_feature"}`, "f_ranks": `{"type":"rank_features"}`, "f_wildcard": `{"type":"wildcard"}`, "f_constant": `{"type":"constant_keyword"}`,
		"f_histogram": `{"type":"histogram"}`, "f_metric": `{"type":"aggregate_metric_double","metrics":["max"],"default_metric":"max"}`, "f_murmur": `{"type":"murmur3"}`,
		"f_routed": `{"type":"keyword","ignore_above":10}`, "f_alias": `{"type":"alias","path":"f_long"}`,
	}
}

// value makes the JSON of one value, with the marker in every text and number.
func value(r *rand.Rand, depth int) string {
	text := func(s string) string { b, _ := json.Marshal(s); return string(b) } //nolint:errchkjson // a string
	n := Digits + fmt.Sprint(r.IntN(1000))
	kinds := []func() string{
		func() string { return text(Marker) },
		func() string {
			return text(Marker + " ']' with format [" + Marker + "] in document with id '" + Marker)
		},
		func() string {
			return text("] of type [" + Marker + "] field [" + Marker + "]: " + Marker + "\n at [Source: " + Marker)
		},
		func() string { return text("2024-13-45T" + Marker) },
		func() string { return text("10.1.2.3/" + Digits) },
		func() string { return text("POINT (" + Digits + " " + Marker + ")") },
		func() string { return text("SRID=" + Digits + ";POINT(1 2)") },
		func() string { return text("[" + n + "," + n + "]") },
		func() string { return text(strings.Repeat(Marker, 6000)) },
		func() string { return n },
		func() string { return "-" + n + ".5" },
		func() string { return n + "e30" },
		func() string { return n + "e400" },
		func() string { return Digits + strings.Repeat("1", 1200) },
		func() string { return Digits + strings.Repeat("0", 300) },
		func() string { return "true" },
		func() string { return `""` },
		func() string { return fmt.Sprintf(`{"lat":%s,"lon":%s}`, n, n) },
		func() string { return fmt.Sprintf(`{"type":%q,"coordinates":[%s,%q]}`, Marker, n, Marker) },
		func() string { return fmt.Sprintf(`{"gte":%s,"lte":-%s}`, n, n) },
		func() string { return fmt.Sprintf(`{"gte":%q,"lt":%q}`, Marker, Marker) },
		func() string { return fmt.Sprintf(`{"gte":"2024-%s","lte":"%s"}`, Marker, Marker) },
		func() string { return fmt.Sprintf(`{"a":%q}`, Marker) },
		func() string { return fmt.Sprintf(`{"x":-%s.5}`, n) },
		func() string { return fmt.Sprintf(`{"x":0,"y":%q}`, Marker) },
		func() string { return fmt.Sprintf(`{"a":%s,"a":%q}`, n, Marker) },
		func() string { return fmt.Sprintf("[%s,%s,%s]", n, n, n) },
		func() string { return fmt.Sprintf("[%s.5,1,2]", n) },
		func() string { return fmt.Sprintf("[%s,%s]", n, n) },
		func() string { return fmt.Sprintf("[%s,null,%q]", n, Marker) },
		func() string { return "[0,0,0]" },
		func() string { return fmt.Sprintf("[[%q]]", Marker) },
		func() string { return strings.Repeat(`{"a":`, 1005) + text(Marker) + strings.Repeat("}", 1005) },
		func() string { return Marker },                   // no JSON
		func() string { return `"` + Marker },             // cut short
		func() string { return `"` + Marker + `\q"` },     // a bad escape
		func() string { return "{" + text(Marker) + "}" }, // no value
		func() string { return "0" + n },                  // a leading zero
	}
	if depth < 2 && r.IntN(8) == 0 {
		return "[" + value(r, depth+1) + "," + value(r, depth+1) + "]"
	}
	return kinds[r.IntN(len(kinds))]()
}

// Refusal is one answer of Elasticsearch: its types and reasons, outermost first.
type Refusal struct {
	Field   string
	Types   []string
	Reasons []string
}

// Elasticsearch sends the documents to an index of the name, which it makes, and
// reports every marker that a redacted message has. It returns the refusals.
func Elasticsearch(t *testing.T, url, index string) []Refusal {
	t.Helper()
	s := &session{t: t, url: url, index: index}
	names := s.create()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same documents every time
	var all []Refusal
	for sent := 0; sent < Documents; {
		var body bytes.Buffer
		var about []string
		for range 500 {
			field := names[r.IntN(len(names))]
			about = append(about, field)
			fmt.Fprintf(&body, "{\"index\":{\"_id\":%q}}\n{%q:%s}\n", fmt.Sprintf("%s-%d", Marker, sent), field, value(r, 0))
			sent++
		}
		all = append(all, s.bulk(body.Bytes(), about)...)
	}
	Check(t, all)
	return all
}

// Check reports every marker that a redacted message has.
func Check(t *testing.T, all []Refusal) {
	t.Helper()
	leaks := 0
	for _, one := range all {
		got := redact.Default().Elasticsearch(one.Reasons...)
		if strings.Contains(got, Marker) || strings.Contains(got, Digits) || strings.Contains(got, strings.ToLower(Marker)) {
			if leaks++; leaks <= 10 {
				t.Errorf("field %s: %q passes on a value of %.400q", one.Field, got, one.Reasons)
			}
		}
	}
}

type session struct {
	t          *testing.T
	url, index string
}

// create makes the index with the fields that this version knows.
func (s *session) create() []string {
	s.t.Helper()
	var names, properties []string
	for name, mapping := range fields() {
		trial := fmt.Sprintf(`{"settings":{"number_of_replicas":0},"mappings":{"properties":{%q:%s,"f_long":{"type":"long"}}}}`, name, mapping)
		if name == "f_long" {
			trial = strings.Replace(trial, `,"f_long":{"type":"long"}`, "", 1)
		}
		if status, _ := s.do(http.MethodPut, "/"+s.index+"-trial", []byte(trial)); status == http.StatusOK {
			names, properties = append(names, name), append(properties, fmt.Sprintf("%q:%s", name, mapping))
		}
		s.do(http.MethodDelete, "/"+s.index+"-trial?ignore_unavailable=true", nil)
	}
	names = append(names, "f_unknown", "_id", "f_long.x") // fields that the mapping refuses
	body := `{"settings":{"number_of_replicas":0},"mappings":{"dynamic":"strict","properties":{` + strings.Join(properties, ",") + `}}}`
	if status, answer := s.do(http.MethodPut, "/"+s.index, []byte(body)); status != http.StatusOK {
		s.t.Fatalf("create %s: %d %s", s.index, status, answer)
	}
	return names
}

type failure struct {
	Type     string   `json:"type"`
	Reason   string   `json:"reason"`
	CausedBy *failure `json:"caused_by"`
}

func (s *session) bulk(body []byte, about []string) (all []Refusal) {
	s.t.Helper()
	status, answer := s.do(http.MethodPost, "/"+s.index+"/_bulk?filter_path=items.*.status,items.*.error", body)
	var reply struct {
		Items []map[string]struct{ Error *failure }
	}
	if err := json.Unmarshal(answer, &reply); err != nil || len(reply.Items) != len(about) {
		s.t.Fatalf("bulk: %d %.300s", status, answer)
	}
	for i, item := range reply.Items {
		one := Refusal{Field: about[i]}
		for e := item["index"].Error; e != nil; e = e.CausedBy {
			one.Types, one.Reasons = append(one.Types, e.Type), append(one.Reasons, e.Reason)
		}
		if len(one.Reasons) > 0 {
			all = append(all, one)
		}
	}
	return all
}

func (s *session) do(method, path string, body []byte) (status int, answer []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if method == http.MethodPut {
		req.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{}
	res, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, answer
}
