package es

import "net/url"

// Part escapes a name for the path of a request: go-elasticsearch puts the parts
// of a path together as they are, so that a document with the id "a/b" would be
// looked for under another path.
func Part(name string) string { return url.PathEscape(name) }
