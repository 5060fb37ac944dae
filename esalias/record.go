package esalias

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Holder says who holds, or last held, a lease.
type Holder struct {
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	RunID   string `json:"run_id"`  // 8 to 32 characters of a-z and 0-9, never used before; see [NewRunID]
	Trigger string `json:"trigger"` // such as scheduled, manual, restart
	User    string `json:"user,omitempty"`
	Version string `json:"version,omitempty"` // of the program
}

// States of a lease record.
const (
	StateHeld = "held"
	StateFree = "free"
)

// Record is the lease as Elasticsearch stores it. The times are written by the
// clock of the holder's machine and are for people: no decision compares them
// with another clock.
type Record struct {
	Token     int64     `json:"token"`
	State     string    `json:"state"`
	Holder    Holder    `json:"holder"`
	Since     time.Time `json:"since"`
	RenewedAt time.Time `json:"renewed_at"`
	// LeaseMS is the holder's lease in milliseconds. A watcher waits at least
	// this long, whatever its own lease is.
	LeaseMS   int64  `json:"lease_ms"`
	Phase     string `json:"phase,omitempty"`
	Documents int64  `json:"documents,omitempty"` // so far
	Total     int64  `json:"total,omitempty"`     // estimate
	LockUUID  string `json:"lock_uuid"`
	// SwappedAt is when the swap with SwappedToken was done, by the clock of
	// its holder. A holder that is killed right after its swap leaves the
	// values of the swap before.
	SwappedAt    time.Time `json:"swapped_at,omitzero"`
	SwappedToken int64     `json:"swapped_token,omitempty"`
}

// stored is a Record with the condition for its next change.
type stored struct {
	Record
	found       bool
	seqNo, term int
}

// recordID is the id of the lease record, the one document of the lock index.
const recordID = "lock"

// readRecord reads the lease by id: a realtime read, which needs no refresh.
// A lock index without a record is a stored with found false.
func (c *Client) readRecord(ctx context.Context) (stored, error) {
	var answer struct {
		Found  bool            `json:"found"`
		SeqNo  int             `json:"_seq_no"`
		Term   int             `json:"_primary_term"`
		Source json.RawMessage `json:"_source"`
	}
	err := c.ask(ctx, esapi.GetRequest{Index: c.names.lockAlias(), DocumentID: recordID}, &answer)
	if es.IsStatus(err, http.StatusNotFound) && !es.IsType(err, "index_not_found_exception") {
		return stored{}, nil
	}
	if err != nil || !answer.Found {
		return stored{}, err
	}
	s := stored{found: true, seqNo: answer.SeqNo, term: answer.Term}
	if err := json.Unmarshal(answer.Source, &s.Record); err != nil {
		return stored{}, &ShapeError{
			Alias:   c.alias,
			Problem: fmt.Sprintf("the lease record in %s cannot be read: %v", c.names.lockIndex(), err),
			Advice:  "delete the lock index when no run is at work; the next run makes a new one",
		}
	}
	return s, nil
}

// same reports that nobody has written the record between s and t.
func (s stored) same(t stored) bool {
	return s.found == t.found && s.seqNo == t.seqNo && s.term == t.term
}

// ownedBy reports that the record was written by the run of r, with the token
// of r or with one that this run has given up for it.
func (s stored) ownedBy(r Record) bool {
	return s.found && s.Holder.RunID == r.Holder.RunID && s.Token <= r.Token
}

// writeRecord writes r on the condition that the record is still as in seen.
func (c *Client) writeRecord(ctx context.Context, r Record, seen stored) (stored, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return stored{}, fmt.Errorf("lease record: %w", err)
	}
	var request esapi.Request
	yes := true // a plain write would make a lock index that has no fence
	if seen.found {
		request = esapi.IndexRequest{
			Index: c.names.lockAlias(), DocumentID: recordID, Body: bytes.NewReader(body),
			RequireAlias: &yes, IfSeqNo: &seen.seqNo, IfPrimaryTerm: &seen.term,
		}
	} else {
		request = esapi.CreateRequest{
			Index: c.names.lockAlias(), DocumentID: recordID, Body: bytes.NewReader(body), RequireAlias: &yes,
		}
	}
	var answer struct {
		SeqNo int `json:"_seq_no"`
		Term  int `json:"_primary_term"`
	}
	if err := c.send(ctx, request, &answer); err != nil {
		return stored{}, err
	}
	return stored{Record: r, found: true, seqNo: answer.SeqNo, term: answer.Term}, nil
}
