package es

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

// authority is a certificate with its key.
type authority struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issue makes a certificate that signer has signed, or that signs itself.
func issue(t *testing.T, name string, signer *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: signer == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	parent, parentKey := template, key
	if signer != nil {
		parent, parentKey = signer.Certificate, signer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

func TestPinnedAuthorityMustHaveSigned(t *testing.T) {
	t.Parallel()
	ca, stranger := issue(t, "ca", nil), issue(t, "stranger", nil)
	server, impostor := issue(t, "server", ca), issue(t, "impostor", stranger)
	for _, test := range []struct {
		name  string
		chain []*x509.Certificate
		pin   *x509.Certificate
		want  bool
	}{
		{"the server's own", []*x509.Certificate{server.Certificate, ca.Certificate}, server.Certificate, true},
		{"its authority's", []*x509.Certificate{server.Certificate, ca.Certificate}, ca.Certificate, true},
		{"an authority's that was merely put into the chain", []*x509.Certificate{impostor.Certificate, ca.Certificate}, ca.Certificate, false},
		{"one that is not in the chain", []*x509.Certificate{server.Certificate}, ca.Certificate, false},
		{"no chain", nil, ca.Certificate, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := verifyPin(test.chain, sha256.Sum256(test.pin.Raw)); (err == nil) != test.want {
				t.Errorf("got %v, want accepted: %t", err, test.want)
			}
		})
	}
}

func TestRequestThatEndsAtACertificateIsRefused(t *testing.T) {
	t.Parallel()
	fatal := func(alert error) error { return &NoAnswerError{Err: &net.OpError{Op: "remote error", Err: alert}} }
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"theirs is not trusted", &NoAnswerError{Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, true},
		{"theirs is not the pinned one", &NoAnswerError{Err: &tls.CertificateVerificationError{Err: ErrFingerprint}}, true},
		{"ours has expired", &NoAnswerError{Err: fmt.Errorf("%w on Monday", ErrClientCertificate)}, true},
		{"they want one of ours", fatal(tls.AlertError(116)), true},
		{"they do not take ours", fatal(tls.AlertError(42)), true},
		{"an alert about a record, which may follow a request", fatal(tls.AlertError(20)), false},
		{"a connection that broke", &NoAnswerError{Err: &net.OpError{Op: "read", Err: io.EOF}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if IsUntrusted(test.err) != test.want || IsRefused(test.err) != test.want || IsUnsettled(test.err) == test.want {
				t.Errorf("%v: untrusted %t, refused %t, unsettled %t", test.err, IsUntrusted(test.err), IsRefused(test.err), IsUnsettled(test.err))
			}
		})
	}
}
