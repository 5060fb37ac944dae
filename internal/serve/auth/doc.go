// Package auth says who asks and what they may do: users with passwords and
// tokens from files that hold only hashes, or the name that a trusted reverse
// proxy puts into a header.
//
// Promise: no password and no token is kept or logged; guessing is slow, and as
// slow for a name that does not exist. Limits: sessions are in memory, so they
// end with the process and count on the server where the person logged in; a
// load balancer must keep a person on one server, or authenticate itself (see
// [Proxy]).
package auth
