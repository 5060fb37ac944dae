package es

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
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
