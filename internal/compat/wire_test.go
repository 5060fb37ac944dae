package compat

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// endpoint is a TLS server that answers like an Elasticsearch without indices,
// and keeps how its clients made themselves known.
type endpoint struct {
	*httptest.Server
	mu             sync.Mutex
	authorizations map[string]bool
	connections    atomic.Int64
}

func newEndpoint(t *testing.T, config *tls.Config) *endpoint {
	t.Helper()
	e := &endpoint{authorizations: map[string]bool{}}
	e.Server = httptest.NewUnstartedServer(e)
	e.TLS = config
	e.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // handshakes are meant to fail
	e.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			e.connections.Add(1)
		}
	}
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.authorizations[r.Header.Get("Authorization")] = true
	e.mu.Unlock()
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, `{"error":{"type":"index_not_found_exception","reason":"none here"},"status":404}`)
}

// only wants that nobody made themselves known in another way.
func (e *endpoint) only(t *testing.T, want string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.authorizations) != 1 || !e.authorizations[want] {
		t.Errorf("Authorization: got %v, want only %q", e.authorizations, want)
	}
}

// site is a site that reaches e, and nothing else yet.
func (e *endpoint) site(t *testing.T, secrets ...string) *site {
	t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})
	return newSite(t, map[string]string{"ELASTICSEARCH_URL": e.URL, "ELASTICSEARCH_CA_CERT": write(t, string(ca))}, secrets...)
}

func TestAPIKey(t *testing.T) {
	t.Parallel()
	const key = "aWQ6czNjcjN0LWQwLW5vdC1wcmludA=="
	for name, variables := range map[string][2]string{
		"from a variable": {"ELASTICSEARCH_API_KEY", key},
		"from a file":     {"ELASTICSEARCH_API_KEY_FILE", write(t, key+"\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, nil)
			e.site(t, key).with(variables[0], variables[1]).succeed(t, "status", "--verbose")
			// The name of a scheme may be in any case (RFC 9110, 11.1).
			e.only(t, "APIKey "+key)
		})
	}
	t.Run("beside a user is refused", func(t *testing.T) {
		t.Parallel()
		newEndpoint(t, nil).site(t, key).
			with("ELASTICSEARCH_API_KEY", key, "ELASTICSEARCH_USERNAME", "nightly", "ELASTICSEARCH_PASSWORD", key).
			fail(t, 2, []string{"elasticsearch.api_key", "together with a user"}, "status")
	})
}
