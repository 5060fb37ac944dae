package auth

import (
	"net/http"
	"net/netip"
	"slices"
)

// Proxy is a reverse proxy that has authenticated who asks.
type Proxy struct {
	// Networks are where the proxy connects from. A header from anywhere else
	// is ignored.
	Networks []netip.Prefix
	// Header has the name of the person, such as X-Forwarded-User.
	Header string
	// Operators are the names that may act; all others may look.
	Operators []string
}

// Person is who the proxy says it is.
func (p Proxy) Person(req *http.Request) (Person, bool) {
	if p.Header == "" || !p.Trusts(req) {
		return Person{}, false
	}
	names := req.Header.Values(p.Header)
	if len(names) != 1 || names[0] == "" || len(names[0]) > maxName { // two of them: one is not the proxy's
		return Person{}, false
	}
	role := Viewer
	if slices.Contains(p.Operators, names[0]) {
		role = Operator
	}
	return Person{Name: names[0], Role: role}, true
}

// Trusts says whether the connection is the proxy's.
func (p Proxy) Trusts(req *http.Request) bool {
	peer, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(peer.Addr().Unmap()) })
}

// maxName bounds what goes into records and logs.
const maxName = 128
