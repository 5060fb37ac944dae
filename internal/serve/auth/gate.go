package auth

import (
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Gate finds out who sent a request.
type Gate struct {
	Users *Users // nil: nobody logs in here
	Proxy Proxy
	// Open lets everybody do everything. For a server that only its own machine
	// can reach.
	Open   bool
	Secure bool // the cookie is for https only
	Now    func() time.Time

	mu       sync.Mutex
	sessions map[string]session // by the hash of the cookie's value
	tries    map[string]tries   // by address
	slots    chan struct{}
}

type session struct {
	person Person
	ends   time.Time
}

type tries struct {
	n    int
	ends time.Time
}

const (
	sessionTime = 12 * time.Hour
	maxSessions = 1000
	// maxTries wrong passwords from one address within tryWindow.
	maxTries   = 10
	tryWindow  = 5 * time.Minute
	maxTracked = 10_000
	// compares is how many passwords are compared at once: each takes a core
	// for a quarter of a second.
	compares = 1
)

// Errors of Login.
var (
	ErrWrong = errors.New("the name or the password is wrong")
	ErrSlow  = errors.New("too many wrong passwords; wait five minutes")
)

// NewGate returns g, ready.
func NewGate(g *Gate) *Gate {
	g.sessions, g.tries = map[string]session{}, map[string]tries{}
	g.slots = make(chan struct{}, compares)
	if g.Now == nil {
		g.Now = time.Now
	}
	return g
}

// cookie is the name of the cookie. With the prefix a browser takes it only
// over https, from this host, for all paths.
func (g *Gate) cookie() string {
	if g.Secure {
		return "__Host-reindex"
	}
	return "reindex-session"
}

// Person is who sent the request; the zero value if that is not known.
func (g *Gate) Person(req *http.Request) Person {
	if p, ok := g.Proxy.Person(req); ok {
		return p
	}
	if g.Users != nil {
		if token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer "); ok {
			p, _ := g.Users.Token(token)
			return p
		}
		if c, err := req.Cookie(g.cookie()); err == nil {
			return g.session(c.Value)
		}
	}
	if g.Open {
		return Person{Name: "local", Role: Operator}
	}
	return Person{}
}

func (g *Gate) session(value string) Person {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.sessions[digest(value)]
	if !ok || g.Now().After(s.ends) {
		return Person{}
	}
	return s.person
}

// Login compares the password and sets a cookie.
func (g *Gate) Login(w http.ResponseWriter, req *http.Request, name, password string) error {
	address, _, _ := net.SplitHostPort(req.RemoteAddr) // "" counts as one address
	if g.Users == nil {
		return ErrWrong
	}
	if !g.try(address) {
		return ErrSlow
	}
	select {
	case g.slots <- struct{}{}:
	case <-req.Context().Done():
		return req.Context().Err()
	}
	person, ok := g.Users.password(name, password)
	<-g.slots
	if !ok {
		return ErrWrong
	}
	value := rand.Text() + rand.Text()
	g.mu.Lock()
	delete(g.tries, address)
	g.trim()
	g.sessions[digest(value)] = session{person: person, ends: g.Now().Add(sessionTime)}
	g.mu.Unlock()
	g.setCookie(w, value, int(sessionTime.Seconds()))
	return nil
}

// Logout ends the session.
func (g *Gate) Logout(w http.ResponseWriter, req *http.Request) {
	if c, err := req.Cookie(g.cookie()); err == nil {
		g.mu.Lock()
		delete(g.sessions, digest(c.Value))
		g.mu.Unlock()
	}
	g.setCookie(w, "", -1)
}

func (g *Gate) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure where there is TLS; without, only loopback or a proxy reaches us
		Name: g.cookie(), Value: value, Path: "/", MaxAge: maxAge,
		Secure: g.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// try counts an attempt before it is made, so that many at once count too.
func (g *Gate) try(address string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Now()
	if len(g.tries) >= maxTracked {
		for a, t := range g.tries {
			if now.After(t.ends) {
				delete(g.tries, a)
			}
		}
		if len(g.tries) >= maxTracked {
			return false
		}
	}
	t := g.tries[address]
	if now.After(t.ends) {
		t = tries{ends: now.Add(tryWindow)}
	}
	if t.n >= maxTries {
		return false
	}
	t.n++
	g.tries[address] = t
	return true
}

// trim drops sessions that have ended, and any when there are too many.
func (g *Gate) trim() {
	now := g.Now()
	for id, s := range g.sessions {
		if now.After(s.ends) || len(g.sessions) >= maxSessions {
			delete(g.sessions, id)
		}
	}
}
