package es

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

func tlsConfig(cfg Config) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(cfg.CACert) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(cfg.CACert) {
			return nil, errors.New("elasticsearch client: the CA file holds no PEM certificate")
		}
	}
	if len(cfg.ClientCert) > 0 || len(cfg.ClientKey) > 0 {
		pair, err := tls.X509KeyPair(cfg.ClientCert, cfg.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("elasticsearch client: client certificate: %w", err)
		}
		config.GetClientCertificate = present(pair)
	}
	if cfg.Fingerprint != "" {
		if err := pin(config, cfg.Fingerprint); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// ErrClientCertificate means that Elasticsearch asks for a client certificate
// and that of [Config] has expired.
var ErrClientCertificate = errors.New("the client certificate has expired")

// present shows our certificate to a server that asks for one, as crypto/tls
// does by itself, unless it has expired: a server refuses that in words that do
// not say so.
func present(pair tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if time.Now().After(pair.Leaf.NotAfter) {
			return nil, fmt.Errorf("%w on %s", ErrClientCertificate, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
		}
		if suits := asked.SupportsCertificate(&pair) == nil; suits {
			return &pair, nil
		}
		return &tls.Certificate{}, nil // none: a server that merely asks goes on
	}
}

// ErrFingerprint means that no certificate of the server has the fingerprint of
// [Config].
var ErrFingerprint = errors.New("no certificate of the server has the configured fingerprint")

// pin trusts a chain because of one certificate in it. go-elasticsearch's own
// fingerprint option dials past the transport: without client certificate,
// time limit or proxy.
func pin(config *tls.Config, fingerprint string) error {
	want, err := hex.DecodeString(strings.ReplaceAll(fingerprint, ":", ""))
	if err != nil || len(want) != sha256.Size {
		return errors.New("elasticsearch client: the certificate fingerprint is not a SHA-256 in hex")
	}
	config.InsecureSkipVerify = true // VerifyConnection decides instead
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if err := verifyPin(state.PeerCertificates, [sha256.Size]byte(want)); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
	return nil
}

// verifyPin accepts the server's own certificate by its fingerprint, and that
// of an authority only if it has really signed the server's: anybody can put a
// certificate that is public into a chain.
func verifyPin(chain []*x509.Certificate, want [sha256.Size]byte) error {
	for i, certificate := range chain {
		if sha256.Sum256(certificate.Raw) != want {
			continue
		}
		if i == 0 {
			return nil
		}
		options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
		options.Roots.AddCert(certificate)
		for _, between := range chain[1:i] {
			options.Intermediates.AddCert(between)
		}
		_, err := chain[0].Verify(options)
		return err
	}
	return ErrFingerprint
}
