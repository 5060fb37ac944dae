package compat

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// endpoint is a TLS server that answers like an Elasticsearch without indices,
// and keeps how its clients made themselves known.
type endpoint struct {
	*httptest.Server
	mu             sync.Mutex
	authorizations map[string]bool
	names          map[string]bool // in client certificates
}

func newEndpoint(t *testing.T, config *tls.Config) *endpoint {
	t.Helper()
	e := &endpoint{authorizations: map[string]bool{}, names: map[string]bool{}}
	e.Server = httptest.NewUnstartedServer(e)
	e.TLS = config
	e.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // handshakes are meant to fail
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.authorizations[r.Header.Get("Authorization")] = true
	for _, c := range r.TLS.PeerCertificates {
		e.names[c.Subject.CommonName] = true
	}
	e.mu.Unlock()
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, `{"error":{"type":"index_not_found_exception","reason":"none here"},"status":404}`)
}

// only wants that e has put this into set, and nothing else.
func (e *endpoint) only(t *testing.T, what string, set map[string]bool, want string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(set) != 1 || !set[want] {
		t.Errorf("%s: got %v, want only %q", what, set, want)
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
			e.only(t, "Authorization", e.authorizations, "APIKey "+key)
		})
	}
	t.Run("beside a user is refused", func(t *testing.T) {
		t.Parallel()
		newEndpoint(t, nil).site(t, key).
			with("ELASTICSEARCH_API_KEY", key, "ELASTICSEARCH_USERNAME", "nightly", "ELASTICSEARCH_PASSWORD", key).
			fail(t, 2, []string{"elasticsearch.api_key", "together with a user"}, "status")
	})
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	certificate, certFile, keyFile := clientCertificate(t, time.Now().Add(time.Hour))
	clients := x509.NewCertPool()
	clients.AddCert(certificate)
	e := newEndpoint(t, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12})
	s := e.site(t)

	s.fail(t, 1, []string{"certificate required", "elasticsearch.client_cert"}, "status")
	s.with("ELASTICSEARCH_CLIENT_CERT", certFile).fail(t, 2, []string{"elasticsearch.client_key"}, "status")
	s.with("ELASTICSEARCH_CLIENT_CERT", certFile, "ELASTICSEARCH_CLIENT_KEY", keyFile).succeed(t, "status")
	e.only(t, "client certificate", e.names, "nightly")
}

func TestServerCertificateThatHasExpired(t *testing.T) {
	t.Parallel()
	_, certFile, keyFile := clientCertificate(t, time.Now().Add(-time.Minute))
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	e.site(t).with("ELASTICSEARCH_CA_CERT", certFile).
		fail(t, 1, []string{"certificate has expired", "renew"}, "status")
}

// clientCertificate signs itself and is good for 127.0.0.1 on both ends.
func clientCertificate(t *testing.T, until time.Time) (certificate *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nightly"},
		NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	keyFile = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return certificate, certFile, keyFile
}
