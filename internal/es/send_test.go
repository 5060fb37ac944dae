package es

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

func TestRequestsOfTheLibraryAreSentOnceAndJudged(t *testing.T) {
	t.Parallel()
	refused := `{"error":{"type":"index_not_found_exception","reason":"no such index [x]"},"status":404}`
	for _, test := range []struct {
		name, body string
		status     int
		check      func(error) bool
	}{
		{"answered", `{"count":7}`, 200, func(err error) bool { return err == nil }},
		{"refused by Elasticsearch", refused, 404, func(err error) bool { return IsType(err, "index_not_found_exception") }},
		{"answered by a gateway", "busy", 503, IsUnsettled},
		{"not answered", "", 0, IsUnsettled},
		{"answered with something else", "<html>", 200, IsUnsettled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, hits := answering(t, test.status, test.body)
			var answer struct{ Count int }
			err := Send(t.Context(), client, esapi.CountRequest{Index: []string{"x"}, Body: strings.NewReader(`{}`)}, &answer)
			if !test.check(err) {
				t.Errorf("got %v", err)
			}
			if err == nil && answer.Count != 7 {
				t.Errorf("answer %+v", answer)
			}
			if err != nil && !strings.Contains(err.Error(), "POST /x/_count") {
				t.Errorf("%v does not name the request", err)
			}
			if n := hits.Load(); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestPartsOfAPathArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	const id = "a/b%c d?e#f+g"
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		got = r.URL.EscapedPath()
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	client := newClient(t, Config{Addresses: []string{server.URL}})
	if err := Send(t.Context(), client, esapi.GetRequest{Index: "x", DocumentID: Part(id)}, nil); err != nil {
		t.Fatal(err)
	}
	if want := "/x/_doc/a%2Fb%25c%20d%3Fe%23f+g"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	err := Send(t.Context(), client, esapi.GetRequest{Index: "x", DocumentID: "a%zz"}, nil)
	if err == nil || IsUnsettled(err) || !strings.Contains(err.Error(), "make request") {
		t.Errorf("a request that could not be made: %v", err)
	}
}

// twice is a request of a library that sends again by itself.
type twice struct{}

func (twice) Do(ctx context.Context, t esapi.Transport) (*esapi.Response, error) {
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http:///_aliases", nil)
		if err != nil {
			return nil, err
		}
		res, err := t.Perform(req)
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close()
	}
	return &esapi.Response{}, nil
}

func TestLibraryCannotSendAgain(t *testing.T) {
	t.Parallel()
	client, hits := answering(t, 200, `{}`)
	if err := Send(t.Context(), client, twice{}, nil); err != nil {
		t.Error(err)
	}
	if n := hits.Load(); n != 1 {
		t.Errorf("sent %d times", n)
	}
}
