package preflight_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/changes"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/preflight"
	"example.com/reindex/internal/source"
)

func newTarget(t *testing.T) preflight.Target {
	t.Helper()
	transport, err := es.New(es.Config{Addresses: []string{stacktest.Elasticsearch(t)}})
	if err != nil {
		t.Fatal(err)
	}
	alias, err := esalias.New(transport, stacktest.Prefix(t), esalias.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return preflight.Target{ES: transport, Alias: alias, Lease: time.Minute, Shards: 1}
}

func find(t *testing.T, findings []preflight.Finding, subject string) preflight.Finding {
	t.Helper()
	for _, f := range findings {
		if f.Subject == subject {
			return f
		}
	}
	t.Fatalf("no finding about %s in %v", subject, findings)
	return preflight.Finding{}
}

func TestCleanClusterHasNoProblem(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	for _, f := range preflight.Elasticsearch(t.Context(), target) {
		if f.Level == preflight.Problem {
			t.Errorf("%s: %s", f.Subject, f.Text)
		}
	}
	if err := preflight.Cheap(t.Context(), target); err != nil {
		t.Errorf("Cheap = %v; want nil", err)
	}
}

func TestTemplateInTheWayIsNamed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path, body string
		want       preflight.Level
	}{
		"one that is merged":         {"/_index_template/", `{"priority":977,"index_patterns":["%s-*"]}`, preflight.Warning},
		"one with an alias":          {"/_index_template/", `{"priority":978,"index_patterns":["%s-*"],"template":{"aliases":{"x":{}}}}`, preflight.Problem},
		"an old one with an alias":   {"/_template/", `{"index_patterns":["%s-*"],"aliases":{"x":{}}}`, preflight.Problem},
		"one for indices of another": {"/_index_template/", `{"priority":979,"index_patterns":["%s-more-*"]}`, preflight.OK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := newTarget(t)
			template := target.Alias.Alias() + "-template"
			put(t, target.ES, tt.path+template, fmt.Sprintf(tt.body, target.Alias.Alias()))
			t.Cleanup(func() {
				_ = es.Do(context.Background(), target.ES, http.MethodDelete, tt.path+template, nil, nil)
			})
			f := find(t, preflight.Elasticsearch(t.Context(), target), "templates")
			if f.Level != tt.want || (tt.want != preflight.OK && !strings.Contains(f.Text, template)) {
				t.Errorf("finding = %+v; want level %s and the name %s", f, tt.want, template)
			}
		})
	}
}

func TestAliasOfAComponentIsAProblem(t *testing.T) {
	t.Parallel()
	const aliases, settings = `{"template":{"aliases":{"x":{}}}}`, `{"template":{"settings":{"number_of_shards":1}}}`
	for name, tt := range map[string]struct {
		component, body string // that exists; the template has "part", which may be missing
		want            preflight.Level
	}{
		"with an alias":           {"part", aliases, preflight.Problem},
		"without one":             {"part", settings, preflight.Warning},
		"of another, one missing": {"part-of-another", aliases, preflight.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := newTarget(t)
			alias := target.Alias.Alias()
			component, template := "/_component_template/"+alias+"-"+tt.component, "/_index_template/"+alias
			put(t, target.ES, component, tt.body)
			put(t, target.ES, template, fmt.Sprintf(
				`{"priority":980,"index_patterns":["%[1]s-*"],"composed_of":["%[1]s-part"],"ignore_missing_component_templates":["%[1]s-part"]}`, alias))
			t.Cleanup(func() {
				for _, path := range []string{template, component} {
					_ = es.Do(context.Background(), target.ES, http.MethodDelete, path, nil, nil)
				}
			})
			f := find(t, preflight.Elasticsearch(t.Context(), target), "templates")
			if f.Level != tt.want || strings.Contains(f.Text, alias+"-part") != (tt.want == preflight.Problem) {
				t.Errorf("finding = %+v; want level %s, and the component named if it is the reason", f, tt.want)
			}
		})
	}
}

func TestIndexNamedLikeTheAliasIsAProblem(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	put(t, target.ES, "/"+target.Alias.Alias(), `{"settings":{"number_of_replicas":0}}`)
	f := find(t, preflight.Elasticsearch(t.Context(), target), "alias")
	if f.Level != preflight.Problem || f.Hint == "" {
		t.Errorf("finding = %+v; want a problem with a hint", f)
	}
}

func TestShardBudgetIsCounted(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	target.Shards, target.Replicas = 1024, 2
	if f := find(t, preflight.Elasticsearch(t.Context(), target), "shards"); f.Level != preflight.Problem {
		t.Errorf("finding = %+v; want a problem: 3,072 shards on one node", f)
	}
	var refused *preflight.Error
	if err := preflight.Cheap(t.Context(), target); !errors.As(err, &refused) || refused.Subject != "shards" {
		t.Errorf("Cheap = %v; want an error about shards", err)
	}
}

func TestUnreachableClusterIsOneProblem(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	var err error
	target.ES, err = es.New(es.Config{Addresses: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	findings := preflight.Elasticsearch(t.Context(), target)
	if len(findings) != 1 || findings[0].Level != preflight.Problem {
		t.Errorf("findings = %v; want one problem", findings)
	}
}

func TestClusterWithoutMasterIsAProblem(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if strings.HasPrefix(r.URL.Path, "/_nodes") {
			_, _ = io.WriteString(w, `{"nodes":{"a":{"version":"8.19.7"}}}`) // what a node knows by itself
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error":{"type":"master_not_discovered_exception","reason":null},"status":503}`)
	}))
	t.Cleanup(server.Close)
	transport, err := es.New(es.Config{Addresses: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	findings := preflight.Elasticsearch(t.Context(), preflight.Target{ES: transport})
	if f := find(t, findings, "master"); f.Level != preflight.Problem || f.Hint == "" || len(findings) != 2 {
		t.Errorf("findings = %+v; want a problem about the master, and no more", findings)
	}
	var refused *preflight.Error
	if err := preflight.Cheap(t.Context(), preflight.Target{ES: transport}); !errors.As(err, &refused) || refused.Subject != "master" {
		t.Errorf("Cheap = %v; want an error about the master", err)
	}
}

func TestDatabaseFindings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		found   source.Inspection
		subject string
		want    preflight.Level
	}{
		"duplicate ids":               {source.Inspection{Duplicates: []string{"7"}}, "ids", preflight.Problem},
		"no documents":                {source.Inspection{}, "ids", preflight.Warning},
		"a table it may not read":     {source.Inspection{Unreadable: []string{"public.person"}}, "tables", preflight.Problem},
		"a standby":                   {source.Inspection{Standby: true}, "standby", preflight.Warning},
		"a pooler":                    {source.Inspection{Spread: errors.New("no such snapshot")}, "snapshot", preflight.Problem},
		"passes that read everything": {source.Inspection{FullPasses: &changes.Refusal{Why: "a.sql calls now"}}, "passes", preflight.Warning},
		"a query read in full":        {source.Inspection{Warnings: []string{"a.sql: ..."}}, "plans 1", preflight.Warning},
	} {
		if f := find(t, preflight.PostgreSQL(tt.found, nil), tt.subject); f.Level != tt.want || f.Hint == "" {
			t.Errorf("%s: finding = %+v; want level %s and a hint", name, f, tt.want)
		}
	}
}

// TestEveryUnreadableTableIsNamed: what only a view reads needs no privilege,
// and a query that is wrong hides no table of the others.
func TestEveryUnreadableTableIsNamed(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t)
	role := strings.ReplaceAll(stacktest.Prefix(t), "-", "_")
	admin, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role).ReadAll() // of a test server
		_ = admin.Close(context.Background())
	})
	if _, err := admin.Exec(t.Context(), `
		CREATE TABLE open (id int); CREATE TABLE "Closed" (id int); CREATE TABLE shut (id int);
		CREATE TABLE part (id int, secret int); CREATE TABLE behind (id int); CREATE VIEW front AS SELECT * FROM behind;
		CREATE ROLE `+role+` LOGIN; GRANT SELECT ON open, front TO `+role+`; GRANT SELECT (id) ON part TO `+role).ReadAll(); err != nil {
		t.Fatal(err)
	}
	got, err := source.Unreadable(t.Context(), strings.Replace(url, "postgres@", role+"@", 1), []string{
		`SELECT id FROM open JOIN "Closed" USING (id) JOIN part USING (id)`, "SELECT id FROM nowhere", "SELECT id FROM front JOIN shut USING (id);",
	})
	if diff := cmp.Diff([]string{`public."Closed"`, "public.shut"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func put(t *testing.T, transport esapi.Transport, path, body string) {
	t.Helper()
	if err := es.Do(t.Context(), transport, http.MethodPut, path, []byte(body), nil); err != nil {
		t.Fatal(err)
	}
}

func TestWhatASwapCarriesOverIsShown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		properties string
		shards     int
		want       preflight.Level
	}{
		"a filter":                            {`"filter":{"term":{"tenant":"a"}}`, 3, preflight.Warning},
		"a routing and one shard":             {`"search_routing":"a"`, 1, preflight.Warning},
		"a routing, and shards it would hide": {`"search_routing":"a"`, 3, preflight.Problem},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := newTarget(t)
			target.Shards = tt.shards
			alias := target.Alias.Alias()
			put(t, target.ES, "/"+alias+"-old", fmt.Sprintf(`{"aliases":{%q:{%s}}}`, alias, tt.properties))
			f := find(t, preflight.Elasticsearch(t.Context(), target), "alias")
			if f.Level != tt.want || !strings.Contains(f.Text+f.Hint, tt.properties) {
				t.Errorf("finding = %+v; want %s, and %s in it", f, tt.want, tt.properties)
			}
		})
	}
}

func TestIndexInUseUnderAnotherNameIsShown(t *testing.T) {
	t.Parallel()
	target := newTarget(t)
	alias := target.Alias.Alias()
	if f := find(t, preflight.Elasticsearch(t.Context(), target), "generations"); f.Level != preflight.OK {
		t.Errorf("finding = %+v; want ok", f)
	}
	put(t, target.ES, "/"+alias+"-000001", fmt.Sprintf(`{"aliases":{"%s-people":{}}}`, alias))
	f := find(t, preflight.Elasticsearch(t.Context(), target), "generations")
	if f.Level != preflight.Warning || !strings.Contains(f.Text, alias+"-000001 is not deleted: alias "+alias+"-people is on it") {
		t.Errorf("finding = %+v; want a warning with the alias", f)
	}
}

func TestBlocksThatKeepARunFromSwappingAreFoundBeforeIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		block, hint string
		want        preflight.Level
	}{
		"a person's":                 {"read_only", "ask who", preflight.Problem},
		"a full disk's":              {"read_only_allow_delete", "free disk space", preflight.Problem},
		"one of its documents only":  {"write", "", preflight.OK},
		"one against reading it too": {"read", "", preflight.OK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := newTarget(t)
			alias := target.Alias.Alias()
			put(t, target.ES, "/"+alias+"-000001", fmt.Sprintf(`{"aliases":{%q:{}},"settings":{"index.blocks.%s":true}}`, alias, tt.block))
			t.Cleanup(func() {
				_ = es.Do(context.Background(), target.ES, http.MethodPut, "/"+alias+"-000001/_settings", []byte(`{"index.blocks.`+tt.block+`":null}`), nil)
			})
			f := find(t, preflight.Elasticsearch(t.Context(), target), "blocks")
			if f.Level != tt.want || !strings.Contains(f.Hint, tt.hint) {
				t.Errorf("finding = %+v; want level %s and a hint with %q", f, tt.want, tt.hint)
			}
			var refused *preflight.Error
			if err := preflight.Cheap(t.Context(), target); (tt.want == preflight.Problem) != (errors.As(err, &refused) && refused.Subject == "blocks") {
				t.Errorf("Cheap = %v", err)
			}
		})
	}
}

func TestAllocationThatIsDisabledIsFoundBeforeARun(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]preflight.Level{
		"none": preflight.Problem, "new_primaries": preflight.Warning, "primaries": preflight.Warning, "all": preflight.OK,
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			target := newTarget(t)
			target.Replicas = 1
			target.ES = settings{target.ES, `{"persistent":{"cluster":{"routing":{"allocation":{"enable":"` + value + `"}}}}}`}
			f := find(t, preflight.Elasticsearch(t.Context(), target), "allocation")
			if f.Level != want || (f.Hint == "") != (want == preflight.OK) {
				t.Errorf("finding = %+v; want level %s", f, want)
			}
		})
	}
}

// settings answers for a setting that all tests on the server would meet.
type settings struct {
	esapi.Transport
	answer string
}

func (s settings) Perform(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/_cluster/settings" && strings.Contains(req.URL.RawQuery, "routing.allocation") {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(s.answer))}, nil
	}
	return s.Transport.Perform(req)
}
