package es

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Idle connections of the clients end with the process.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// answering is a server that counts requests and answers each the same.
func answering(t *testing.T, status int, body string) (esapi.Transport, *atomic.Int64) {
	t.Helper()
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		if status == 0 {
			panic(http.ErrAbortHandler) // closes the connection
		}
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return newClient(t, Config{Addresses: []string{server.URL}}), &hits
}

func newClient(t *testing.T, cfg Config) esapi.Transport {
	t.Helper()
	client, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestCompressedBodiesSayTheSame(t *testing.T) {
	t.Parallel()
	body := strings.Repeat(`{"index":{"_id":"17"}}`+"\n", 1000)
	var got, encoding string
	var length int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		encoding, length = r.Header.Get("Content-Encoding"), r.ContentLength
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(unpacked)
		if err != nil {
			t.Error(err)
		}
		got = string(text)
	}))
	t.Cleanup(server.Close)
	client := newClient(t, Config{Addresses: []string{server.URL}, Compress: true})
	for range 2 { // the second time with used buffers
		if err := Do(t.Context(), client, http.MethodPost, "/x/_bulk", []byte(body), nil); err != nil {
			t.Fatal(err)
		}
		if got != body || encoding != "gzip" || length > int64(len(body)/10) {
			t.Errorf("the server got %d bytes in %d as %q, want %d in a tenth of that as gzip", len(got), length, encoding, len(body))
		}
	}
}

func TestAnswersAndWhatTheyProve(t *testing.T) {
	t.Parallel()
	const gone = `{"error":{"type":"aliases_not_found_exception","reason":"aliases [a] missing"},"status":404}`
	for _, test := range []struct {
		name               string
		status             int
		body               string
		want               string // error text, without the operation
		refused, unsettled bool
	}{
		{"success", 200, `{"n":1}`, "", false, false},
		{"refusal", 404, gone, "HTTP 404 aliases_not_found_exception: aliases [a] missing", true, false},
		{"refusal in words", 405, `{"error":"Incorrect HTTP method","status":405}`, "HTTP 405 error: Incorrect HTTP method", true, false},
		{"document not found", 404, `{"found":false}`, "HTTP 404", true, false},
		{"second write index", 500, `{"error":{"type":"illegal_state_exception","reason":"x"}}`, "HTTP 500 illegal_state_exception: x", true, false},
		{"no master", 503, `{"error":{"type":"master_not_discovered_exception","reason":"x"}}`, "HTTP 503 master_not_discovered_exception: x", false, true},
		{"overload", 429, `{"error":{"type":"circuit_breaking_exception","reason":"x"}}`, "HTTP 429 circuit_breaking_exception: x", false, true},
		{"full disk", 429, `{"error":{"type":"cluster_block_exception","reason":"x"}}`, "HTTP 429 cluster_block_exception: x", true, false},
		{"cluster that still starts", 503, `{"error":{"type":"cluster_block_exception","reason":"x"}}`, "HTTP 503 cluster_block_exception: x", false, true},
		{"health time-out", 408, `{"status":"red"}`, "HTTP 408", false, true},
		{"gateway 502", 502, `<html>`, "no answer: HTTP 502 without an Elasticsearch error", false, true},
		{"gateway 504", 504, ``, "no answer: HTTP 504 without an Elasticsearch error", false, true},
		{"login page of a gateway", 302, `<html>`, "HTTP 302", true, false},
		{"success that is no JSON", 200, `<html>`, "no answer: answer is not the expected JSON", false, true},
		{"connection closed", 0, ``, "no answer: EOF", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, hits := answering(t, test.status, test.body)
			var into struct{ N int }
			err := Do(t.Context(), client, http.MethodPost, "/_aliases?x=1", []byte(`{}`), &into)
			got := ""
			if err != nil {
				got = strings.TrimPrefix(err.Error(), "POST /_aliases: ")
			}
			if !strings.HasPrefix(got, test.want) || (test.want == "") != (err == nil) {
				t.Errorf("error %q, want %q", got, test.want)
			}
			if IsRefused(err) != test.refused || IsUnsettled(err) != test.unsettled {
				t.Errorf("refused %t, unsettled %t", IsRefused(err), IsUnsettled(err))
			}
			if hits.Load() != 1 {
				t.Errorf("sent %d times, want once", hits.Load())
			}
		})
	}
}

func TestAuthIsToldFromBlocks(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		&Error{Status: 401}:                                  true,
		&Error{Status: 403, Type: "security_exception"}:      true,
		&Error{Status: 403, Type: "cluster_block_exception"}: false,
		&NoAnswerError{Err: io.EOF}:                          false,
	} {
		if IsAuth(err) != want {
			t.Errorf("IsAuth(%v) = %t", err, !want)
		}
	}
	if IsStatus(nil, 404) || IsType(nil, "x") || IsRefused(nil) || IsUnsettled(nil) || IsUnsettled(errors.New("x")) {
		t.Error("a predicate holds for an error that is not ours")
	}
}

func TestEndedContextIsTheCause(t *testing.T) {
	t.Parallel()
	client, hits := answering(t, 200, `{}`)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("lease lost")
	cancel(stop)
	err := Do(ctx, client, http.MethodGet, "/", nil, nil)
	if !errors.Is(err, stop) || !IsUnsettled(err) || hits.Load() != 0 {
		t.Errorf("got %v after %d requests", err, hits.Load())
	}
}

func TestErrorsNeverCarryCredentials(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	unused, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := unused.Addr().String()
	_ = unused.Close()
	for _, cfg := range []Config{
		{Addresses: []string{"http://elastic:" + secret + "@" + host}},
		{Addresses: []string{"http://" + host}, APIKey: secret},
		{Addresses: []string{"http://" + host}, Username: "elastic", Password: secret},
		{Addresses: []string{"http://elastic:" + secret + "/x@" + host}},
		{Addresses: []string{"http://elastic:" + secret + "%zz@" + host}},
		{Addresses: []string{"elastic:" + secret + "@" + host}},
		{Addresses: []string{"http://" + host}, Fingerprint: secret},
		{Addresses: []string{"http://" + host}, CACert: []byte(secret)},
		{Addresses: []string{"http://" + host}, ClientKey: []byte(secret)},
	} {
		client, err := New(cfg)
		if err == nil {
			err = Do(t.Context(), client, http.MethodGet, "/", nil, nil)
		}
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a client without an address was made")
	}
}

func TestCredentialsAreSent(t *testing.T) {
	t.Parallel()
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
	}))
	t.Cleanup(server.Close)
	for _, cfg := range []Config{{APIKey: "a2V5"}, {Username: "elastic", Password: "x"}} {
		cfg.Addresses = []string{server.URL}
		if err := Do(t.Context(), newClient(t, cfg), http.MethodGet, "/", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"APIKey a2V5", "Basic ZWxhc3RpYzp4"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of refused handshakes
	server.StartTLS()
	t.Cleanup(server.Close)
	sum := sha256.Sum256(server.Certificate().Raw)
	right := hex.EncodeToString(sum[:])
	for fingerprint, want := range map[string]bool{
		right: true, strings.ToUpper(right): true, "": false, strings.Repeat("00", 32): false,
	} {
		client := newClient(t, Config{Addresses: []string{server.URL}, Fingerprint: fingerprint})
		if err := Do(t.Context(), client, http.MethodGet, "/", nil, nil); (err == nil) != want {
			t.Errorf("fingerprint %q: %v", fingerprint, err)
		}
	}
}
