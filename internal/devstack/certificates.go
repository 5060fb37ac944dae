package devstack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// Names of the PEM files in a node's configuration folder.
const (
	caFile   = "ca.crt"
	certFile = "node.crt"
	keyFile  = "node.key"
)

// Certificate is a certificate with its key, both PEM texts.
type Certificate struct{ Cert, Key string }

// authority signs certificates, for a day before and a year after it was made.
type authority struct {
	cert *x509.Certificate
	pem  string
	key  *ecdsa.PrivateKey
	now  time.Time
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	self := template("devstack authority", 1, now)
	self.IsCA = true
	self.BasicConstraintsValid = true
	self.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, self, self, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, pem: encodePEM("CERTIFICATE", der), key: key, now: now}, nil
}

// node makes the certificate for loopback that all nodes of a cluster share.
func (a *authority) node() (Certificate, error) {
	t := template("devstack node", 2, a.now)
	// Nodes are each other's clients as well.
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.DNSNames = []string{"localhost"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	return a.issue(t)
}

// client makes a client certificate that ends at notAfter.
func (a *authority) client(notAfter time.Time) (Certificate, error) {
	t := template("devstack client", 3, a.now)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	t.NotAfter = notAfter
	return a.issue(t)
}

func (a *authority) issue(t *x509.Certificate) (Certificate, error) {
	t.KeyUsage = x509.KeyUsageDigitalSignature
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return Certificate{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{Cert: encodePEM("CERTIFICATE", der), Key: encodePEM("PRIVATE KEY", pkcs8)}, nil
}

func template(name string, serial int64, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.AddDate(0, 0, -1),
		NotAfter:     now.AddDate(1, 0, 0),
	}
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
