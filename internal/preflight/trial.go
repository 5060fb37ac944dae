package preflight

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/reindex/internal/es"
	"example.com/reindex/internal/redact"
)

// Sample is a document as a run would send it.
type Sample struct {
	ID   string
	JSON []byte
}

// cleanup bounds the deletion of a throw-away index, which has its own time: the
// end of the context is often the reason for it.
const cleanup = 8 * time.Second

// highest is the priority of a simulated template: above what people use, so that
// the body decides, as it does in a run.
const highest = 2_000_000_000

// indexName is that of an index which a run could make next.
func (t Target) indexName() string { return t.Alias.Alias() + "-000001" }

// tries has Elasticsearch judge the index body and the documents without making
// anything. Where it cannot (before 8.16, or without the privilege), an index that is
// deleted at once does, if the user allows it.
func (t Target) tries(ctx context.Context) []Finding {
	if len(t.Body) == 0 {
		return nil
	}
	body := t.simulateBody(ctx)
	if body.Level == Problem {
		return []Finding{body}
	}
	documents, simulated := t.simulateDocuments(ctx)
	if body.Level == OK && simulated {
		return []Finding{body, documents}
	}
	if !t.MayCreate {
		const subject, how = "documents", "`reindex check --try-index` makes an index, loads them and deletes it"
		return []Finding{body, warning(subject, "not tried: this server or this user cannot simulate", how)}
	}
	return t.tryIndex(ctx)
}

func (t Target) simulateBody(ctx context.Context) Finding {
	const subject = "index body"
	request := fmt.Appendf(nil, `{"index_patterns":[%q],"priority":%d,"template":%s}`, t.indexName(), highest, t.Body)
	err := es.Do(ctx, t.ES, http.MethodPost, "/_index_template/_simulate", request, nil)
	switch {
	case err == nil:
		return ok(subject, "Elasticsearch takes it")
	case es.IsStatus(err, http.StatusBadRequest):
		return problem(subject, "Elasticsearch refuses it: "+reasonOf(err), "change index.body")
	}
	return warning(subject, "not tried: "+err.Error(), "grant the cluster privilege manage_index_templates, or use `reindex check --try-index`")
}

func reasonOf(err error) string {
	if refused, ok := errors.AsType[*es.Error](err); ok {
		return refused.Reason
	}
	return err.Error()
}

// simulateDocuments sends the documents through the simulation of an ingestion,
// which knows mappings since 8.16 and makes no index; false if it cannot.
func (t Target) simulateDocuments(ctx context.Context) (Finding, bool) {
	const subject = "documents"
	if len(t.Samples) == 0 {
		return ok(subject, "there are none to try"), true
	}
	// A document that no index takes would have the whole simulation refused.
	var bad refusals
	sound := t.judge(&bad)
	if len(sound) == 0 {
		return bad.finding(len(t.Samples)), true
	}
	var request bytes.Buffer
	fmt.Fprintf(&request, `{"index_template_substitutions":{"reindex-check":{"index_patterns":[%q],"priority":%d,"template":%s}},"docs":[`,
		t.indexName(), highest, withPrefixes(t.Body))
	for i, s := range sound {
		if i > 0 {
			request.WriteByte(',')
		}
		fmt.Fprintf(&request, `{"_id":%s,"_source":%s}`, jsonText(s.ID), s.JSON)
	}
	request.WriteString("]}")
	var answer struct {
		Docs []struct {
			Doc struct {
				ID    string `json:"_id"`
				Error *reason
			}
		}
	}
	err := es.Do(ctx, t.ES, http.MethodPost, "/_ingest/"+t.indexName()+"/_simulate", request.Bytes(), &answer)
	if err != nil || len(answer.Docs) != len(sound) {
		return bad.finding(len(t.Samples)), bad.count > 0
	}
	for _, d := range answer.Docs {
		if d.Doc.Error != nil {
			bad.add(d.Doc.ID, d.Doc.Error)
		}
	}
	return bad.finding(len(t.Samples)), true
}

// tryIndex makes an index of a name that is no generation's, and deletes it.
func (t Target) tryIndex(ctx context.Context) []Finding {
	const subject = "index body"
	index := t.Alias.Alias() + "-check-" + strings.ToLower(rand.Text()[:12]) + "x"
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
		defer cancel()
		_ = es.Do(ctx, t.ES, http.MethodDelete, "/"+index, nil, nil) // its name says what it is, and that it may go
	}()
	if err := es.Do(ctx, t.ES, http.MethodPut, "/"+index, t.Body, nil); err != nil {
		return []Finding{problem(subject, "Elasticsearch refuses it: "+reasonOf(err), "change index.body")}
	}
	body := ok(subject, "Elasticsearch takes it")
	if len(t.Samples) == 0 {
		return []Finding{body}
	}
	var lines bytes.Buffer
	for _, s := range t.Samples {
		fmt.Fprintf(&lines, "{\"index\":{\"_id\":%s}}\n%s\n", jsonText(s.ID), s.JSON)
	}
	var answer struct {
		Items []map[string]struct {
			ID    string `json:"_id"`
			Error *reason
		}
	}
	if err := es.Do(ctx, t.ES, http.MethodPost, "/"+index+"/_bulk", lines.Bytes(), &answer); err != nil {
		return []Finding{body, notAsked("documents", err)}
	}
	var bad refusals
	for _, item := range answer.Items {
		if one := item["index"]; one.Error != nil {
			bad.add(one.ID, one.Error)
		}
	}
	return []Finding{body, bad.finding(len(t.Samples))}
}

// reason is an error of Elasticsearch about one document.
type reason struct {
	Type, Reason string
	CausedBy     *reason `json:"caused_by"`
}

// refusals are documents that were not taken, by what is wrong with them.
type refusals struct {
	count int
	texts []string
	ids   map[string][]string
}

func (r *refusals) add(id string, e *reason) {
	var reasons []string
	for inner := e; inner != nil; inner = inner.CausedBy {
		reasons = append(reasons, inner.Reason)
	}
	text := e.Type
	if said := redact.Default().Elasticsearch(reasons...); said != "" {
		text += ": " + said
	}
	r.say(id, text)
}

func (r *refusals) say(id, text string) {
	if r.ids == nil {
		r.ids = map[string][]string{}
	}
	if _, known := r.ids[text]; !known {
		r.texts = append(r.texts, text)
	}
	r.count++
	r.ids[text] = append(r.ids[text], id)
}

// shown is how many ids, and how many kinds of refusals, are named.
const shown = 3

func (r *refusals) finding(of int) Finding {
	const subject = "documents"
	if r.count == 0 {
		return ok(subject, fmt.Sprintf("Elasticsearch takes the first %d", of))
	}
	var parts []string
	for _, text := range r.texts[:min(shown, len(r.texts))] {
		ids := r.ids[text]
		parts = append(parts, fmt.Sprintf("%s (id %s)", text, strings.Join(ids[:min(shown, len(ids))], ", ")))
	}
	return problem(subject, fmt.Sprintf("Elasticsearch refuses %d of the first %d: %s", r.count, of, strings.Join(parts, "; ")),
		"change the query or index.body")
}

func jsonText(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil { // no string fails
		return []byte(`""`)
	}
	return text
}

// withPrefixes writes the settings of a body with "index." in front, the one form
// that the simulation of an ingestion takes.
func withPrefixes(body json.RawMessage) json.RawMessage {
	var parts map[string]json.RawMessage
	var settings map[string]any
	if json.Unmarshal(body, &parts) != nil || len(parts["settings"]) == 0 || json.Unmarshal(parts["settings"], &settings) != nil {
		return body
	}
	flat := map[string]any{}
	flatten("", settings, flat)
	text, err := json.Marshal(flat)
	if err != nil {
		return body
	}
	parts["settings"] = text
	if text, err = json.Marshal(parts); err != nil {
		return body
	}
	return text
}

// flatten gives each setting its dotted name, which begins with "index.".
func flatten(prefix string, node, flat map[string]any) {
	for key, value := range node {
		name := prefix + key
		if inner, ok := value.(map[string]any); ok {
			flatten(name+".", inner, flat)
			continue
		}
		if !strings.HasPrefix(name, "index.") {
			name = "index." + name
		}
		flat[name] = value
	}
}

// settings are those of the index body, by dotted name.
func (t Target) settings() map[string]any {
	var body struct {
		Settings map[string]any `json:"settings"`
	}
	flat := map[string]any{}
	if json.Unmarshal(t.Body, &body) == nil {
		flatten("", body.Settings, flat)
	}
	return flat
}
