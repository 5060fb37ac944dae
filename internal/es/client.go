package es

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Config says where Elasticsearch is and who asks.
type Config struct {
	Addresses []string // base URLs, at least one; requests are spread over them
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
//
// It connects to nothing yet, and its errors carry no credential.
func New(cfg Config) (esapi.Transport, error) {
	if err := checkAddresses(cfg.Addresses); err != nil {
		return nil, err
	}
	transport, err := roundTripper(cfg)
	if err != nil {
		return nil, err
	}
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:    cfg.Addresses,
		APIKey:       cfg.APIKey,
		Username:     cfg.Username,
		Password:     cfg.Password,
		DisableRetry: true,
		Transport:    transport,
	})
	if err != nil {
		return nil, fmt.Errorf("elasticsearch client: %w", err)
	}
	return client, nil
}

// checkAddresses is here because go-elasticsearch quotes an address that it
// cannot parse, password included, and takes a default where there is none.
func checkAddresses(addresses []string) error {
	if len(addresses) == 0 {
		return errors.New("elasticsearch client: no address")
	}
	for i, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("elasticsearch client: address %d is not of the form http(s)://host:port", i+1)
		}
	}
	return nil
}

func roundTripper(cfg Config) (*http.Transport, error) {
	tlsConfig, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
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
