// Package preflight finds out before a run what would go wrong in it: it asks
// both servers for versions, privileges, room and shape, instead of failing
// hours later.
//
// Promise: it changes nothing, and a precondition that cannot be asked about
// is a warning with the reason, never an ok.
//
// Limit: it looks once. What changes between the check and the run is found by
// the run.
package preflight
