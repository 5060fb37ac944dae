// Package devstack starts and stops real servers on this machine: Elasticsearch
// and PostgreSQL in several versions, as Maven fetches them, checked against a
// checksum in this package and kept in a cache. Where no version of PostgreSQL is
// asked for, the installed one is used if there is one.
//
// Servers listen on loopback only, keep their data in a temporary folder unless
// a folder is named, and run as an unprivileged user if the caller is root.
// They never outlive their owner: a watchdog in each server's process group
// reads a pipe that only the owner holds, so that even SIGKILL of the owner
// ends them. What the machine lacks is reported all at once, with the command
// that installs it ([MissingError]).
//
// The package is for demonstrations, tests and benchmarks. It trades durability
// for speed (PostgreSQL runs with fsync off), trusts everybody who can connect
// to loopback unless [Security] is asked for, and supports Linux and macOS.
package devstack
