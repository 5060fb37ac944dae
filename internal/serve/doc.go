// Package serve is the page and the API of `reindex serve`: what every index
// and every run is doing, on any server, and buttons that start the same
// commands as a person at a terminal.
//
// Promise: the page is complete without script; whatever it shows has the time
// when it was seen; what a person may not do is refused by the server, whatever
// the page shows; no page, log or URL has a secret or a document's content.
// Nothing here holds the lock or moves an alias: that is left to child
// processes (package jobs), and so any number of servers may run at once.
// Limits: requests are bounded in size and time, event streams in number.
package serve
