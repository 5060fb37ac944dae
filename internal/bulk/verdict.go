package bulk

import (
	"bytes"
	"net/http"
)

// verdict is what an answer means for a document or for a whole request.
type verdict int

const (
	created  verdict = iota
	updated          // the id was there
	deleted          // the id was there and is gone
	absent           // there was nothing to delete
	conflict         // the index has a newer version: this one is superseded
	rejected         // this document is wrong; others may be right
	again            // nothing is known to be wrong with it: send it again
	split            // the request is too large: send it in pieces
	gone             // the writer alias does not exist
	fatal            // sending anything more is pointless
)

// judge tells what an answer means for the document it is about.
func judge(a answer, it item) verdict {
	switch {
	case !a.failed:
		return judgeSuccess(a.status, it)
	case a.status == http.StatusConflict && it.conditional:
		return conflict
	case a.status == http.StatusRequestEntityTooLarge:
		return rejected
	case bytes.HasPrefix(a.reason, []byte("pipeline with id [")):
		return fatal // "does not exist": no document is to blame, and all would be refused
	}
	return judgeError(a.status, string(a.kind))
}

// judgeSuccess reads the status alone: it says what "result" says, and a reply
// without "result" is a third as long.
func judgeSuccess(status int, it item) verdict {
	switch {
	case status == http.StatusCreated && !it.deletion:
		return created
	case status == http.StatusOK && !it.deletion:
		return updated
	case status == http.StatusOK:
		return deleted
	case status == http.StatusNotFound && it.deletion:
		return absent
	}
	return again // no answer that we know; a document may be sent twice
}

// judgeRequest tells what a status other than 2xx means for a whole request.
func judgeRequest(status int, kind string) verdict {
	if status == http.StatusRequestEntityTooLarge {
		return split
	}
	if v := judgeError(status, kind); v != rejected {
		return v
	}
	return fatal // a request that no document is to blame for
}

// judgeError sorts errors by type first and by status for the rest. Types and
// statuses are those that 8.19.7 answers, see server_test.go.
func judgeError(status int, kind string) verdict {
	switch kind {
	case "cluster_block_exception":
		// 429 here is the flood-stage block: it lifts when a person frees
		// disk space, not when we wait. 503 is a cluster that still starts.
		if status == http.StatusServiceUnavailable {
			return again
		}
		return fatal
	case "index_not_found_exception":
		return gone
	case "index_closed_exception": // a 400, but not the document's fault
		return fatal
	}
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return again
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		return fatal
	case status < http.StatusBadRequest:
		return fatal // a redirect: this is not Elasticsearch
	}
	return rejected
}
