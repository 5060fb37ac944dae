package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestWhatIsToBlameIsNamed: what Elasticsearch refuses is often not the doing of
// what the program sent.
func TestWhatIsToBlameIsNamed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		settings string                         // of the index body
		prepare  func(t *testing.T, p *project) // before the run
		code     int
		says     []string
	}{
		"a write block of the body":    {`"index.blocks.write": true`, nil, 1, []string{"FORBIDDEN/8", "index.blocks.* out of index.body"}},
		"a pipeline that there is not": {`"index.default_pipeline": "nope"`, nil, 2, []string{"pipeline with id [nope] does not exist", "create the pipeline"}},
		"a template of data streams": {"", func(t *testing.T, p *project) {
			t.Helper()
			p.template(t, p.alias+"-*", `"data_stream": {}`)
		}, 2, []string{"creates data streams only", "index.body is not to blame"}},
		"a template on the lock": {"", func(t *testing.T, p *project) {
			t.Helper()
			p.template(t, "lock-"+p.alias, `"template": {"settings": {"index.default_pipeline": "nope"}}`)
		}, 2, []string{"pipeline with id [nope] does not exist", "matches the index of the lock"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := notes()
			if tt.settings != "" {
				d.body = strings.Replace(d.body, `"settings": {`, `"settings": {`+tt.settings+`, `, 1)
			}
			p := newProject(t, fiveNotes(t), d)
			if tt.prepare != nil {
				tt.prepare(t, p)
			}
			r := p.run(t, "run")
			if r.code != tt.code {
				t.Errorf("want exit status %d, got %s", tt.code, r)
			}
			for _, text := range tt.says {
				if !strings.Contains(r.stderr, text) {
					t.Errorf("want %q in %s", text, r.stderr)
				}
			}
		})
	}
}

// template makes an index template, and takes it away after the test.
func (p *project) template(t *testing.T, pattern, content string) {
	t.Helper()
	path := "/_index_template/" + p.alias
	p.ask(t, http.MethodPut, path, fmt.Sprintf(`{"priority": 970, "index_patterns": [%q], %s}`, pattern, content))
	t.Cleanup(func() {
		_, _, _ = p.try(context.Background(), http.MethodDelete, path, "") // the servers of tests are thrown away
	})
}
