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
	admin *User
	roots *x509.CertPool
	files map[string]string // further files of the configuration folder
}

func newAccess(s *Security) (access, error) {
	if s == nil {
		return access{}, nil
	}
	admin := User{Name: "devstack_admin", Password: rand.Text(), Roles: []string{"superuser"}}
	certs, err := newCertificates(time.Now())
	if err != nil {
		return access{}, fmt.Errorf("make certificates: %w", err)
	}
	users := append(slices.Clone(s.Users), admin)
	names, err := usersFile(users)
	if err != nil {
		return access{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(certs.ca))
	return access{admin: &admin, roots: roots, files: map[string]string{
		caFile: certs.ca, certFile: certs.cert, keyFile: certs.key,
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
	if a.roots != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: a.roots, MinVersion: tls.VersionTLS12}
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
