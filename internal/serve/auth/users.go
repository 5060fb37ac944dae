package auth

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Role is what a person may do.
type Role string

// The roles, each with what the one before may do.
const (
	Nobody   Role = ""
	Viewer   Role = "viewer"   // sees everything
	Operator Role = "operator" // starts and stops what there is to start and stop
)

// May says whether the role includes another.
func (r Role) May(needed Role) bool {
	return r == Operator || (r == Viewer && needed != Operator) || needed == Nobody
}

// Person is who asks.
type Person struct {
	Name string
	Role Role
}

// Known says that it is known who asks.
func (p Person) Known() bool { return p.Role != Nobody }

// Users are the people and programs of one file.
type Users struct {
	passwords map[string]secret // bcrypt
	tokens    map[string]secret // SHA-256 in hex; by name
}

type secret struct {
	role Role
	hash string
}

// tokenPrefix makes a token easy to find where it should not be.
const tokenPrefix = "reindex_"

// sha256Prefix marks the hash of a token in the file. A token has 256 random
// bits, so a fast hash is enough; a password needs a slow one.
const sha256Prefix = "sha256:"

// ReadUsers reads a file with a line for each user or token:
//
//	name:role:hash
//
// role is viewer or operator. hash is bcrypt, as `reindex serve password` and
// htpasswd -B print it, for a person who logs in with a password, or sha256:
// with 64 hex digits, as `reindex serve token` prints it, for a program. Lines
// that begin with # are comments. Errors name the line and show no hash.
func ReadUsers(path string) (*Users, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the configuration names it
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	u := &Users{passwords: map[string]secret{}, tokens: map[string]secret{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := u.add(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(u.passwords)+len(u.tokens) == 0 {
		return nil, fmt.Errorf("%s names nobody; `reindex serve password NAME` prints a line for it", path)
	}
	return u, nil
}

func (u *Users) add(line string) error {
	name, rest, _ := strings.Cut(line, ":")
	role, hash, ok := strings.Cut(rest, ":")
	if !ok || name == "" {
		return fmt.Errorf("want name:role:hash")
	}
	if Role(role) != Viewer && Role(role) != Operator {
		return fmt.Errorf("the role of %s is not viewer or operator", name)
	}
	_, user := u.passwords[name]
	if _, token := u.tokens[name]; user || token {
		return fmt.Errorf("%s is named twice", name)
	}
	s := secret{role: Role(role), hash: hash}
	if digits, ok := strings.CutPrefix(hash, sha256Prefix); ok {
		if b, err := hex.DecodeString(digits); err != nil || len(b) != sha256.Size {
			return fmt.Errorf("the hash of %s is not sha256: and 64 hex digits", name)
		}
		s.hash = strings.ToLower(digits)
		u.tokens[name] = s
		return nil
	}
	if _, err := bcrypt.Cost([]byte(hash)); err != nil {
		return fmt.Errorf("the hash of %s is neither bcrypt, $2y$ and so on, nor sha256: and hex digits", name)
	}
	u.passwords[name] = s
	return nil
}

// HashPassword returns a line for the file. bcrypt takes 72 bytes at most.
func HashPassword(name string, role Role, password []byte) (string, error) {
	hash, err := bcrypt.GenerateFromPassword(password, bcrypt.DefaultCost+2)
	if err != nil {
		return "", fmt.Errorf("password of %s: %w", name, err)
	}
	return fmt.Sprintf("%s:%s:%s", name, role, hash), nil
}

// NewToken returns a token and the line for the file that has its hash.
func NewToken(name string, role Role) (token, line string) {
	token = tokenPrefix + rand.Text() + rand.Text()
	return token, fmt.Sprintf("%s:%s:%s%s", name, role, sha256Prefix, digest(token))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Token finds the person of a token.
func (u *Users) Token(token string) (Person, bool) {
	sum := []byte(digest(token))
	found := Person{}
	for name, s := range u.tokens { // all of them, so that time tells nothing
		if subtle.ConstantTimeCompare(sum, []byte(s.hash)) == 1 {
			found = Person{Name: name, Role: s.role}
		}
	}
	return found, found.Known()
}

// nobodysHash takes as long to compare as that of a real user.
const nobodysHash = "$2a$12$UEdgI0zZ..75wOawRQJuJuztPTFwo/zeA5SFBBYhe/VW8btGVt01e"

// password finds the person of a name and password.
func (u *Users) password(name, password string) (Person, bool) {
	s, known := u.passwords[name]
	if !known {
		s.hash = nobodysHash
	}
	err := bcrypt.CompareHashAndPassword([]byte(s.hash), []byte(password))
	if err != nil || !known {
		return Person{}, false
	}
	return Person{Name: name, Role: s.role}, true
}
