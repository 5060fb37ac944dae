package compat

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
)

// TestClientCertificate has a node that lets nobody in without a certificate of
// its authority, whatever password they have.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	password := rand.Text()
	node := stacktest.OwnElasticsearch(t, devstack.ElasticsearchOptions{Security: &devstack.Security{
		Users:              []devstack.User{{Name: "nightly", Password: password, Roles: []string{"reindex"}}},
		Roles:              deployed(t, "elasticsearch-roles.yml"),
		ClientCertificates: true,
	}})
	database := stacktest.Database(t)
	fill(t, database, 20)
	good, old := issued(t, node, time.Hour), issued(t, node, -time.Hour)
	s := newSite(t, map[string]string{
		"ELASTICSEARCH_URL":           node.URL(),
		"ELASTICSEARCH_USERNAME":      "nightly",
		"ELASTICSEARCH_PASSWORD_FILE": write(t, password),
		"ELASTICSEARCH_CA_CERT":       node.CACert(),
		"ELASTICSEARCH_CLIENT_CERT":   write(t, good.Cert),
		"ELASTICSEARCH_CLIENT_KEY":    write(t, good.Key),
		"DATABASE_URL":                database,
	}, password, strings.Split(good.Key, "\n")[1])
	s.with("ELASTICSEARCH_CLIENT_KEY", "").fail(t, 2, []string{"elasticsearch.client_key"}, "run")
	s.succeed(t, "check")
	s.succeed(t, "run")
	live := s.live(t)

	strange := newAuthority(t).issue(t, time.Hour)
	const wanted = "Elasticsearch wants a client certificate that it trusts"
	for name, test := range map[string]struct {
		cert devstack.Certificate
		says []string
	}{
		"none":                       {says: []string{"remote error: tls: ", wanted}},
		"one that has expired":       {old, []string{"the client certificate has expired on ", "renew elasticsearch.client_cert"}},
		"one of another authority's": {strange, []string{"remote error: tls: ", wanted}},
	} {
		other := s.with("ELASTICSEARCH_CLIENT_CERT", "", "ELASTICSEARCH_CLIENT_KEY", "")
		if test.cert.Cert != "" {
			other = s.with("ELASTICSEARCH_CLIENT_CERT", write(t, test.cert.Cert), "ELASTICSEARCH_CLIENT_KEY", write(t, test.cert.Key))
		}
		for _, command := range []string{"run", "status", "check"} {
			t.Run(name+", "+command, func(t *testing.T) {
				t.Parallel()
				other.fail(t, 1, test.says, command)
			})
		}
	}
	t.Cleanup(func() {
		if now := s.live(t); now != live {
			t.Errorf("the alias is on %s, want %s as before", now, live)
		}
	})
}

func issued(t *testing.T, node *devstack.Elasticsearch, valid time.Duration) devstack.Certificate {
	t.Helper()
	c, err := node.ClientCertificate(time.Now().Add(valid))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCertificateOfTheServer needs no Elasticsearch: nothing is asked of a
// server that is not trusted.
func TestCertificateOfTheServer(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good, old := ca.issue(t, time.Hour), ca.issue(t, -time.Hour)
	right := write(t, ca.pem)
	for _, test := range []struct {
		name string
		cert devstack.Certificate
		env  []string
		says []string
	}{
		{
			"has expired", old,
			[]string{"ELASTICSEARCH_CA_CERT", right},
			[]string{"certificate has expired", "renew the certificate of Elasticsearch"},
		},
		{
			"is of another authority than the configured one", good,
			[]string{"ELASTICSEARCH_CA_CERT", write(t, newAuthority(t).pem)},
			[]string{"signed by unknown authority", "see elasticsearch.ca_cert"},
		},
		{
			"is of an authority that nobody knows", good, nil,
			[]string{"signed by unknown authority", "see elasticsearch.ca_cert"},
		},
		{
			"is not the one of the fingerprint", good,
			[]string{"ELASTICSEARCH_CERT_FINGERPRINT", fingerprintOf(t, old)},
			[]string{"no certificate of the server has the configured fingerprint", "write the new fingerprint"},
		},
		{
			"has another name", ca.issue(t, time.Hour, "elsewhere.example"),
			[]string{"ELASTICSEARCH_CA_CERT", right},
			[]string{"127.0.0.1", "the host name in elasticsearch.url"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newEndpoint(t, &tls.Config{Certificates: []tls.Certificate{pair(t, test.cert)}, MinVersion: tls.VersionTLS12})
			newSite(t, map[string]string{"ELASTICSEARCH_URL": server.URL}).with(test.env...).fail(t, 1, test.says, "status")
			// One for the history, one for the status: nothing is tried again.
			if n := server.connections.Load(); n > 2 {
				t.Errorf("connected %d times", n)
			}
			if len(server.authorizations) > 0 {
				t.Error("a request was sent to a server that is not trusted")
			}
		})
	}
}

// TestCertificateOfOneServerOfSeveral: nodes whose certificates are renewed one
// after the other must not end a run.
func TestCertificateOfOneServerOfSeveral(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	urls := make([]string, 3)
	for i, valid := range []time.Duration{-time.Hour, -time.Hour, time.Hour} {
		config := &tls.Config{Certificates: []tls.Certificate{pair(t, ca.issue(t, valid))}, MinVersion: tls.VersionTLS12}
		urls[i] = newEndpoint(t, config).URL
	}
	newSite(t, map[string]string{
		"ELASTICSEARCH_URL": strings.Join(urls, ","), "ELASTICSEARCH_CA_CERT": write(t, ca.pem),
	}).succeed(t, "status")
}

func pair(t *testing.T, c devstack.Certificate) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// authority signs certificates.
type authority struct {
	*x509.Certificate
	pem string
	key *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority " + rand.Text()}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, self, self, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = encode("CERTIFICATE", der)
	return a
}

// issue makes a certificate for both sides; for loopback, unless names are given.
func (a *authority) issue(t *testing.T, valid time.Duration, names ...string) devstack.Certificate {
	t.Helper()
	key := newKey(t)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "somebody"}, DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(valid),
	}
	if len(names) == 0 {
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.Certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return devstack.Certificate{Cert: encode("CERTIFICATE", der), Key: encode("PRIVATE KEY", pkcs8)}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func fingerprintOf(t *testing.T, c devstack.Certificate) string {
	t.Helper()
	block, _ := pem.Decode([]byte(c.Cert))
	if block == nil {
		t.Fatal("no certificate")
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:])
}
