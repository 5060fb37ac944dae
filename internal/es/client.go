package es

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Config says where Elasticsearch is and who asks.
type Config struct {
	Addresses []string // base URLs; requests are spread over them
	APIKey    string   // base64 of id:key; excludes Username
	Username  string
	Password  string
	CACert    []byte // PEM; empty: the system's roots
	// ClientCert and ClientKey are a PEM pair; both or none.
	ClientCert, ClientKey []byte
	// Fingerprint is the SHA-256, in hex, of a certificate of the server's
	// chain; it takes the place of CACert.
	Fingerprint string
	// Connections is how many idle connections are kept per address.
	// Defaults to 4.
	Connections int
}

// New returns a client that never retries by itself: go-elasticsearch would
// resend any request after a 502, 503, 504 or a broken connection, and a
// resent write is refused against itself.
func New(cfg Config) (esapi.Transport, error) {
	transport, err := roundTripper(cfg)
	if err != nil {
		return nil, err
	}
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:              cfg.Addresses,
		APIKey:                 cfg.APIKey,
		Username:               cfg.Username,
		Password:               cfg.Password,
		CertificateFingerprint: cfg.Fingerprint,
		DisableRetry:           true,
		Transport:              transport,
	})
	if err != nil {
		return nil, fmt.Errorf("elasticsearch client: %w", cause(err))
	}
	return client, nil
}

func roundTripper(cfg Config) (*http.Transport, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(cfg.CACert) > 0 {
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(cfg.CACert) {
			return nil, errors.New("elasticsearch client: the CA file holds no PEM certificate")
		}
	}
	if len(cfg.ClientCert) > 0 || len(cfg.ClientKey) > 0 {
		pair, err := tls.X509KeyPair(cfg.ClientCert, cfg.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("elasticsearch client: client certificate: %w", err)
		}
		tlsConfig.Certificates = []tls.Certificate{pair}
	}
	connections := cfg.Connections
	if connections == 0 {
		connections = 4
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig:     tlsConfig,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   false, // Elasticsearch speaks HTTP/1.1 only
	}, nil
}
