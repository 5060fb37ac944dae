package livewriter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/esalias"
	"example.com/reindex/examples/livewriter"
	"example.com/reindex/examples/persons"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/drift"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

func connect(t *testing.T) (*pgx.Conn, string) {
	t.Helper()
	url := stacktest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn, url
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func client() *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
}

// ask sends one request and returns its status and answer.
func ask(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, stacktest.Elasticsearch(t)+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func exists(t *testing.T, index string) bool {
	t.Helper()
	status, _ := ask(t, http.MethodHead, "/"+index, "")
	return status == http.StatusOK
}

const noteQuery = `SELECT CASE WHEN text IS NOT NULL THEN jsonb_build_object('id', id, 'text', text)::text END, rev FROM note WHERE id = $1::text::bigint`

func noteWriter(t *testing.T, conn *pgx.Conn, alias string) *livewriter.Writer {
	t.Helper()
	return &livewriter.Writer{DB: conn, HTTP: client(), URL: stacktest.Elasticsearch(t), Alias: alias, Query: noteQuery}
}

func TestWriterDoesWhatTheRowSays(t *testing.T) {
	t.Parallel()
	conn, _ := connect(t)
	exec(t, conn, "CREATE TABLE note (id bigint, text text, rev bigint); INSERT INTO note VALUES (1, 'a', 5)")
	alias := stacktest.Prefix(t)
	ask(t, http.MethodPut, "/"+alias+"-index", `{"aliases":{"`+alias+`":{}}}`)
	w := noteWriter(t, conn, alias)
	for _, step := range []struct {
		before string
		delete int64 // version; 0: refresh
		want   livewriter.Outcome
	}{
		{want: livewriter.Written},
		{want: livewriter.Superseded}, // the same again
		{before: "UPDATE note SET text = 'b', rev = 6", want: livewriter.Written},
		{before: "UPDATE note SET text = 'old', rev = 4", want: livewriter.Superseded},
		{before: "UPDATE note SET text = NULL, rev = 7", want: livewriter.Deleted},
		{before: "UPDATE note SET text = NULL, rev = 8", want: livewriter.Absent},
		{before: "UPDATE note SET text = 'back', rev = 9", want: livewriter.Written},
		{delete: 8, want: livewriter.Superseded},
		{delete: 10, want: livewriter.Deleted},
		{delete: 10, want: livewriter.Absent},                            // the same again
		{want: livewriter.Superseded},                                    // read before the deletion, late
		{before: "UPDATE note SET rev = NULL", want: livewriter.Written}, // without versions
		{before: "UPDATE note SET text = NULL", want: livewriter.Deleted},
	} {
		if step.before != "" {
			exec(t, conn, step.before)
		}
		var got livewriter.Outcome
		var err error
		if step.delete > 0 {
			got, err = w.Delete(t.Context(), "1", step.delete)
		} else {
			got, err = w.Refresh(t.Context(), "1")
		}
		if err != nil || got != step.want {
			t.Errorf("after %q, delete %d: %s, %v; want %s", step.before, step.delete, got, err, step.want)
		}
	}
	if _, err := w.Refresh(t.Context(), "2"); !errors.Is(err, livewriter.ErrNoRow) {
		t.Errorf("Refresh of no row = %v, want ErrNoRow", err)
	}
}

func TestWriterNeverCreatesAnIndex(t *testing.T) {
	t.Parallel()
	conn, _ := connect(t)
	exec(t, conn, "CREATE TABLE note (id bigint, text text, rev bigint); INSERT INTO note VALUES (1, 'a', 5), (2, NULL, 5), (3, 'a', NULL), (4, NULL, NULL)")
	alias := stacktest.Prefix(t)
	w := noteWriter(t, conn, alias)
	for _, id := range []string{"1", "2", "3", "4"} {
		if got, err := w.Refresh(t.Context(), id); err == nil || !strings.Contains(err.Error(), "alias does not exist") {
			t.Errorf("Refresh(%s) without an alias = %s, %v; want an error", id, got, err)
		}
	}
	if _, err := w.Delete(t.Context(), "1", 6); err == nil {
		t.Error("Delete without an alias succeeded")
	}
	if exists(t, alias) {
		t.Error("a write has created an index with the alias's name")
	}
}

// The facts that the rules for deletions rest on.
func TestWhatElasticsearchDoesWithDeletionsOfAMissingIndex(t *testing.T) {
	t.Parallel()
	prefix := stacktest.Prefix(t)
	const version = "?version=3&version_type=external_gte"
	for _, fact := range []struct {
		name, method, path, body string
		status                   int
		creates                  bool
	}{
		{"one deletion with require_alias is a bad request", http.MethodDelete, "/_doc/1" + version + "&require_alias=true", "", 400, false},
		{"one deletion by version creates the index", http.MethodDelete, "/_doc/1" + version, "", 404, true},
		{"one deletion does not", http.MethodDelete, "/_doc/1", "", 404, false},
		{"one deletion by sequence number does not", http.MethodDelete, "/_doc/1?if_seq_no=0&if_primary_term=1", "", 404, false},
		{
			"a bulk body of deletions by version creates it, whatever require_alias says", http.MethodPost, "/_bulk?require_alias=true",
			`{"delete":{"_id":"1","version":3,"version_type":"external_gte","require_alias":true}}` + "\n", 200, true,
		},
		{
			"a bulk body with one other action that requires the alias does not", http.MethodPost, "/_bulk",
			`{"update":{"_id":"x","require_alias":true}}` + "\n" + `{"doc":{}}` + "\n" +
				`{"delete":{"_id":"1","version":3,"version_type":"external_gte"}}` + "\n", 200, false,
		},
	} {
		t.Run(fact.name, func(t *testing.T) {
			t.Parallel()
			index := fmt.Sprintf("%s-%x", prefix, len(fact.name))
			status, answer := ask(t, fact.method, "/"+index+fact.path, fact.body)
			if status != fact.status || exists(t, index) != fact.creates {
				t.Errorf("%s %s: %d %s; index exists: %t; want %d and %t", fact.method, fact.path, status, answer, !fact.creates, fact.status, fact.creates)
			}
		})
	}
}

func TestPersonsAreWrittenAsTheRebuildWritesThem(t *testing.T) {
	t.Parallel()
	conn, url := connect(t)
	if err := persons.Seed(t.Context(), conn, 120); err != nil {
		t.Fatal(err)
	}
	deps, body := personDeps(t, url, stacktest.Prefix(t)+"-persons")
	who := esalias.Holder{RunID: esalias.NewRunID(), Host: "test"}
	if _, err := pipeline.Run(t.Context(), deps, pipeline.Options{Holder: who, Body: body, Versions: true, Gates: pipeline.Gates{MaxShrink: 1}}); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "UPDATE contact_details SET surname = surname || '!' WHERE person_id % 2 = 0; DELETE FROM contact_details WHERE person_id % 10 = 1")
	query, err := livewriter.PersonQuery()
	if err != nil {
		t.Fatal(err)
	}
	w := &livewriter.Writer{DB: conn, HTTP: client(), URL: stacktest.Elasticsearch(t), Alias: deps.Alias.Alias(), Query: query}
	outcomes := refreshAll(t, conn, w)
	if outcomes[livewriter.Written] == 0 || outcomes[livewriter.Superseded] == 0 {
		t.Errorf("outcomes %v; want some written and some superseded", outcomes)
	}
	report, err := drift.Verify(t.Context(), deps, drift.Options{
		Options: pipeline.Options{Versions: true}, ID: "personId", Lists: []string{"programmeMemberships", "trusts"},
	})
	if err != nil || report.Rounds != 1 || report.Documents == 0 {
		t.Errorf("verify = %d documents, %d rounds, %v", report.Documents, report.Rounds, err)
	}
}

func refreshAll(t *testing.T, conn *pgx.Conn, w *livewriter.Writer) map[livewriter.Outcome]int {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT id::text FROM person")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[livewriter.Outcome]int{}
	for _, id := range ids {
		outcome, err := w.Refresh(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		outcomes[outcome]++
	}
	return outcomes
}

// personDeps are the sides of examples/persons, with an alias of this test's.
func personDeps(t *testing.T, url, alias string) (pipeline.Deps, []byte) {
	t.Helper()
	query := func(name string) source.Query {
		text, err := persons.SQL(name)
		if err != nil {
			t.Fatal(err)
		}
		return source.Query{Name: name, SQL: text}
	}
	src, err := source.Open(t.Context(), source.Config{
		URL: url, ID: "personId", Document: query("persons.sql"), Version: "rev",
		Lookups:  []source.Lookup{{Query: query("programme_owners.sql")}, {Query: query("post_owners.sql")}},
		Coalesce: []string{"currentOwner"}, Omit: []string{"programmeId", "postId"},
		Lists: []source.List{
			{Field: "programmeMemberships", Query: query("programme_memberships.sql"), Lookups: []source.Lookup{{Query: query("programmes.sql")}}},
			{Field: "trusts", Query: query("trusts.sql"), Lookups: []source.Lookup{{Query: query("posts.sql")}}, Distinct: true, Unpivot: "trustId"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	transport, err := es.New(es.Config{Addresses: []string{stacktest.Elasticsearch(t)}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := esalias.New(transport, alias, esalias.Options{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := persons.Files().Open("persons.index.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Deps{Alias: client, Bulk: transport, Snapshot: func(ctx context.Context) (pipeline.Snapshot, error) {
		return src.Snapshot(ctx)
	}}, text
}
