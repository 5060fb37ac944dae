package es

import (
	"compress/gzip"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
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
	// Compress sends request bodies as gzip. Worth its processor time where the
	// network is slow: documents such as the persons of the example shrink to an eighth.
	Compress bool
}

// New returns a client that sends a write once: by default the transport would
// resend any request after a 502, 503, 504 or a broken connection, and a resent
// write is refused against itself. With several addresses it keeps away from
// those that do not answer, or are not trusted, and repeats a read (a GET or
// HEAD without a body) that failed there.
//
// It is made from the transport of go-elasticsearch, not from its Client: that
// brings every typed API along, which costs minutes of compiling and 10 MB.
//
// It connects to nothing yet, and its errors carry no credential.
func New(cfg Config) (esapi.Transport, error) {
	urls, err := parseAddresses(cfg.Addresses)
	if err != nil {
		return nil, err
	}
	transport, err := roundTripper(cfg)
	if err != nil {
		return nil, err
	}
	if len(urls) == 1 {
		return single(urls[0], cfg, transport)
	}
	all := make([]*node, 0, len(urls))
	for _, u := range urls {
		t, err := single(u, cfg, transport)
		if err != nil {
			return nil, err
		}
		all = append(all, &node{Transport: t})
	}
	return &nodes{all: all}, nil
}

// single is a client of one address.
func single(u *url.URL, cfg Config, transport http.RoundTripper) (esapi.Transport, error) {
	options := []elastictransport.Option{
		elastictransport.WithURLs(u),
		elastictransport.WithDisableRetry(),
		elastictransport.WithTransport(genuine{transport}),
	}
	if cfg.Compress {
		options = append(options, elastictransport.WithCompression(gzip.BestSpeed))
	}
	switch {
	case cfg.APIKey != "":
		options = append(options, elastictransport.WithAPIKey(cfg.APIKey))
	case cfg.Username != "" || cfg.Password != "":
		options = append(options, elastictransport.WithBasicAuth(cfg.Username, cfg.Password))
	}
	client, err := elastictransport.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("elasticsearch client: %w", err)
	}
	return client, nil
}

// genuine refuses a success that Elasticsearch did not give: a proxy's login
// page is no acknowledgement. Elasticsearch marks its answers since 7.14.
type genuine struct{ next http.RoundTripper }

func (g genuine) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := g.next.RoundTrip(req)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices || res.Header.Get("X-Elastic-Product") == "Elasticsearch" {
		return res, err
	}
	_ = res.Body.Close() // nothing of it will be read
	return nil, errors.New("the answer is not from Elasticsearch (no X-Elastic-Product header); is the address right?")
}

// parseAddresses does not quote what it cannot parse: it may hold a password.
func parseAddresses(addresses []string) ([]*url.URL, error) {
	if len(addresses) == 0 {
		return nil, errors.New("elasticsearch client: no address")
	}
	urls := make([]*url.URL, 0, len(addresses))
	for i, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("elasticsearch client: address %d is not of the form http(s)://host:port", i+1)
		}
		urls = append(urls, u)
	}
	return urls, nil
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
