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

// certificates are PEM texts: an authority, and a certificate signed by it that
// all nodes of a cluster share.
type certificates struct {
	ca, cert, key string
}

// newCertificates makes certificates for loopback, valid for a day before and a
// year after now. The authority's key is forgotten.
func newCertificates(now time.Time) (certificates, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	nodeKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	authority := template("devstack authority", 1, now)
	authority.IsCA = true
	authority.BasicConstraintsValid = true
	authority.KeyUsage = x509.KeyUsageCertSign
	node := template("devstack node", 2, now)
	node.KeyUsage = x509.KeyUsageDigitalSignature
	// Nodes are each other's clients as well.
	node.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	node.DNSNames = []string{"localhost"}
	node.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}

	ca, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		return certificates{}, err
	}
	cert, err := x509.CreateCertificate(rand.Reader, node, authority, nodeKey.Public(), caKey)
	if err != nil {
		return certificates{}, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(nodeKey)
	if err != nil {
		return certificates{}, err
	}
	return certificates{ca: encodePEM("CERTIFICATE", ca), cert: encodePEM("CERTIFICATE", cert), key: encodePEM("PRIVATE KEY", key)}, nil
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
