package es

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"example.com/reindex/internal/redact"
)

// Error is an answer of Elasticsearch that refuses a request.
type Error struct {
	Op     string // method and path, such as "PUT /persons-000007"
	Status int    // HTTP status
	Type   string // such as "index_not_found_exception"; empty if the body had none
	Reason string // Elasticsearch's own words, without document content (package redact)

	full string
}

// Unredacted returns Elasticsearch's own words, which may quote documents: it is
// for a local file that the user asked for, and for nothing else.
func (e *Error) Unredacted() string { return e.full }

func (e *Error) Error() string {
	switch {
	case e.Type == "":
		return fmt.Sprintf("%s: HTTP %d", e.Op, e.Status)
	case e.Reason == "":
		return fmt.Sprintf("%s: HTTP %d %s", e.Op, e.Status, e.Type)
	}
	return fmt.Sprintf("%s: HTTP %d %s: %s", e.Op, e.Status, e.Type, e.Reason)
}

// NoAnswerError means that the outcome of a request is not known: the
// connection broke, time ran out, something between the program and
// Elasticsearch answered in its place, or the change was made but not yet
// acknowledged by every node. A write that ends this way may have been applied,
// may still be applied later, or may never be.
type NoAnswerError struct {
	Op  string
	Err error
}

func (e *NoAnswerError) Error() string { return fmt.Sprintf("%s: no answer: %v", e.Op, e.Err) }

// Unwrap returns the cause.
func (e *NoAnswerError) Unwrap() error { return e.Err }

// IsStatus reports whether err is an answer with the given HTTP status.
func IsStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// IsType reports whether err is an answer whose error type is one of types.
func IsType(err error, types ...string) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return slices.Contains(types, e.Type)
}

// IsRefused reports whether err proves that the request was not applied and
// would be refused again. An answer of 500 and above proves neither: a master
// that loses its office between publishing a change and committing it answers
// 503, and its successor may still commit the change. 429 and 408 are worth
// another try, unless a block is the reason, as on a full disk: that lifts when
// a person does something.
//
// illegal_state_exception is the exception among the 500s: it is what
// Elasticsearch says to a second write index, before anything is published. And
// a request that ended because of a certificate was never read.
func IsRefused(err error) bool {
	if IsUntrusted(err) {
		return true
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusTooManyRequests:
		return e.Type == "cluster_block_exception"
	case http.StatusRequestTimeout:
		return false
	}
	return e.Status < http.StatusInternalServerError || e.Type == "illegal_state_exception"
}

// IsUnsettled reports whether err leaves open if the request was, or will be,
// applied: there was no answer, or one that [IsRefused] does not count.
func IsUnsettled(err error) bool {
	var unanswered *NoAnswerError
	var answer *Error
	return (errors.As(err, &unanswered) || errors.As(err, &answer)) && !IsRefused(err)
}

// IsUntrusted reports that TLS ended a request before it was read: this side
// does not accept the certificate of Elasticsearch, or Elasticsearch not ours.
// It stays so until a person changes a certificate or the configuration.
func IsUntrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok || errors.Is(err, ErrClientCertificate) {
		return true
	}
	// How crypto/tls reports an alert of the other side; its own type for the
	// number is not exported. A client certificate is asked for in a handshake
	// only, so these alerts follow no request that was read (RFC 8446, 6.2).
	alert, ok := errors.AsType[*net.OpError](err)
	return ok && alert.Op == "remote error" && slices.Contains([]string{
		"tls: bad certificate", "tls: unsupported certificate", "tls: revoked certificate", "tls: expired certificate",
		"tls: unknown certificate", "tls: unknown certificate authority", "tls: access denied", "tls: certificate required",
	}, alert.Err.Error())
}

// IsAuth reports whether Elasticsearch refused the credentials (401) or what
// they may do (403, unless a block on the index is the reason).
func IsAuth(err error) bool {
	return IsStatus(err, http.StatusUnauthorized) ||
		(IsStatus(err, http.StatusForbidden) && !IsType(err, "cluster_block_exception"))
}

// errorBody is the shape of every refusal:
// {"error":{"type":"...","reason":"..."},"status":404}.
type errorBody struct {
	Error json.RawMessage `json:"error"`
}

// answerError turns a status of 300 or more into an error.
func answerError(op string, status int, body []byte) error {
	var outer errorBody
	var inner cause
	e := &Error{Op: op, Status: status}
	if json.Unmarshal(body, &outer) == nil && len(outer.Error) > 0 {
		if json.Unmarshal(outer.Error, &inner) == nil {
			e.Type = inner.Type
			e.say(inner.reasons())
			return e
		}
		// Some handlers answer {"error":"text"}.
		if json.Unmarshal(outer.Error, &e.Reason) == nil {
			e.Type = "error"
			return e
		}
	}
	if status >= http.StatusInternalServerError {
		// A gateway answered, or Elasticsearch did and was cut short.
		return &NoAnswerError{Op: op, Err: fmt.Errorf("HTTP %d without an Elasticsearch error", status)}
	}
	return e
}

// cause is an error of Elasticsearch and what it comes from.
type cause struct {
	Type      string  `json:"type"`
	Reason    string  `json:"reason"`
	RootCause []cause `json:"root_cause"`
	CausedBy  *cause  `json:"caused_by"`
}

// reasons are the words of an error and of what caused it, outermost first. Where
// shards failed, only the root says why.
func (c *cause) reasons() []string {
	all := []string{c.Reason}
	if len(c.RootCause) > 0 && c.RootCause[0].Reason != c.Reason {
		all = append(all, c.RootCause[0].Reason)
	}
	for inner := c.CausedBy; inner != nil; inner = inner.CausedBy {
		if !slices.Contains(all, inner.Reason) {
			all = append(all, inner.Reason)
		}
	}
	return all
}

// say takes what Elasticsearch said. Requests about documents get answers that
// quote them; the others hold what the user and this program wrote, and Elasticsearch's
// words about that are passed on as they are.
func (e *Error) say(reasons []string) {
	e.full = strings.Join(reasons, ": ")
	if aboutDocuments(e.Op) {
		e.Reason = redact.Default().Elasticsearch(reasons...)
		return
	}
	e.Reason = e.full
}

// aboutDocuments reports whether a request, "POST /persons/_search?q=x", holds
// documents of the user's or is answered with them.
func aboutDocuments(op string) bool {
	_, path, _ := strings.Cut(op, " ")
	path, _, _ = strings.Cut(path, "?")
	if strings.HasPrefix(path, "/lock-") || strings.HasPrefix(path, "/.") {
		return false
	}
	return slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool {
		return slices.Contains([]string{"_bulk", "_doc", "_create", "_update", "_search", "_mget", "_msearch", "_source", "_count"}, part)
	})
}

// unwrapURL strips the address from a transport error: it may hold credentials.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
