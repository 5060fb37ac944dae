package devstack

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Security switches on authentication, and TLS with certificates of an
// authority made for this cluster. Users and roles live in files: this
// distribution cannot create API keys, native users or native roles.
type Security struct {
	// Users may log in, beside the administrator that is always there.
	Users []User
	// ClientCertificates makes the nodes refuse whoever shows no certificate of
	// their authority ([Elasticsearch.ClientCertificate]).
	ClientCertificates bool
	// Roles is the content of roles.yml, in YAML. Defaults to no roles beyond
	// the built-in ones, such as superuser.
	Roles string
}

// User is a user of the file realm.
type User struct {
	Name     string
	Password string // at least 6 characters
	Roles    []string
}

// access is how a cluster is reached; the zero value is plain HTTP for all.
type access struct {
	admin     *User
	authority *authority
	node      tls.Certificate   // the nodes' own, which they take from a client as well
	demands   bool              // a client certificate
	files     map[string]string // further files of the configuration folder
}

func newAccess(s *Security) (access, error) {
	if s == nil {
		return access{}, nil
	}
	admin := User{Name: "devstack_admin", Password: rand.Text(), Roles: []string{"superuser"}}
	authority, err := newAuthority(time.Now())
	if err != nil {
		return access{}, fmt.Errorf("make an authority: %w", err)
	}
	node, err := authority.node()
	if err != nil {
		return access{}, fmt.Errorf("make a certificate: %w", err)
	}
	pair, err := tls.X509KeyPair([]byte(node.Cert), []byte(node.Key))
	if err != nil {
		return access{}, fmt.Errorf("read the certificate back: %w", err)
	}
	users := append(slices.Clone(s.Users), admin)
	names, err := usersFile(users)
	if err != nil {
		return access{}, err
	}
	return access{admin: &admin, authority: authority, node: pair, demands: s.ClientCertificates, files: map[string]string{
		caFile: authority.pem, certFile: node.Cert, keyFile: node.Key,
		"users": names, "users_roles": usersRolesFile(users), "roles.yml": s.Roles,
	}}, nil
}

func (a access) scheme() string {
	if a.admin == nil {
		return "http"
	}
	return "https"
}

func (a access) client() *http.Client {
	transport := &http.Transport{}
	if a.authority != nil {
		roots := x509.NewCertPool()
		roots.AddCert(a.authority.cert)
		transport.TLSClientConfig = &tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{a.node}, MinVersion: tls.VersionTLS12,
		}
	}
	return &http.Client{Transport: transport}
}

// settings returns the lines of elasticsearch.yml. The transport layer uses the
// same certificates, which a cluster with security insists on.
func (a access) settings() map[string]string {
	settings := map[string]string{
		"xpack.security.enabled":                   "false",
		"xpack.security.autoconfiguration.enabled": "false",
	}
	if a.admin == nil {
		return settings
	}
	settings["xpack.security.enabled"] = "true"
	for _, layer := range []string{"http", "transport"} {
		prefix := "xpack.security." + layer + ".ssl."
		settings[prefix+"enabled"] = "true"
		settings[prefix+"key"] = keyFile
		settings[prefix+"certificate"] = certFile
		settings[prefix+"certificate_authorities"] = caFile
	}
	if a.demands {
		settings["xpack.security.http.ssl.client_authentication"] = "required"
	}
	return settings
}

// usersFile renders the file "users": a name and a hashed password a line.
func usersFile(users []User) (string, error) {
	var b strings.Builder
	for _, u := range users {
		hash, err := hashPassword(u.Password)
		if err != nil {
			return "", fmt.Errorf("hash the password of user %s: %w", u.Name, err)
		}
		fmt.Fprintf(&b, "%s:%s\n", u.Name, hash)
	}
	return b.String(), nil
}

// usersRolesFile renders the file "users_roles": a role and its users a line.
func usersRolesFile(users []User) string {
	byRole := map[string][]string{}
	for _, u := range users {
		for _, role := range u.Roles {
			byRole[role] = append(byRole[role], u.Name)
		}
	}
	var b strings.Builder
	for _, role := range slices.Sorted(maps.Keys(byRole)) {
		fmt.Fprintf(&b, "%s:%s\n", role, strings.Join(byRole[role], ","))
	}
	return b.String()
}

// hashPassword makes a hash that Elasticsearch takes whatever hashing it is
// configured for, since the prefix names the algorithm (org.elasticsearch.
// xpack.core.security.authc.support.Hasher): PBKDF2 with HMAC-SHA512, 32 bytes
// of salt and of key. 1,000 rounds, the fewest it knows, since the password
// guards nothing and is checked often.
func hashPassword(password string) (string, error) {
	const rounds, size = 1000, 32
	salt := []byte(rand.Text() + rand.Text())[:size]
	key, err := pbkdf2.Key(sha512.New, password, salt, rounds, size)
	if err != nil {
		return "", err
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("{PBKDF2}%d$%s$%s", rounds, encode(salt), encode(key)), nil
}
