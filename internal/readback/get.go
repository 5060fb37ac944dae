package readback

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Stored is a document as an index has it.
type Stored struct {
	ID      string
	Found   bool
	Version int64 // _version
	// SeqNo and PrimaryTerm are the condition for a write that must not
	// overwrite anything newer.
	SeqNo, PrimaryTerm int64
	Source             json.RawMessage
}

type storedJSON struct {
	ID     string          `json:"_id"`
	Found  bool            `json:"found"`
	Ver    int64           `json:"_version"`
	SeqNo  int64           `json:"_seq_no"`
	Term   int64           `json:"_primary_term"`
	Source json.RawMessage `json:"_source"`
	Error  *struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	} `json:"error"`
}

func (d storedJSON) stored(id string) Stored {
	return Stored{ID: id, Found: d.Found, Version: d.Ver, SeqNo: d.SeqNo, PrimaryTerm: d.Term, Source: d.Source}
}

// Get reads documents by id, in the order of ids, with one realtime request:
// what was written before it is seen, refreshed or not.
func Get(ctx context.Context, t esapi.Transport, index string, ids []string) ([]Stored, error) {
	body, err := json.Marshal(map[string]any{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read documents of %s: %w", index, err)
	}
	var answer struct {
		Docs []storedJSON `json:"docs"`
	}
	if err := es.Do(ctx, t, http.MethodPost, "/"+index+"/_mget", body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Docs) != len(ids) {
		return nil, fmt.Errorf("read documents of %s: %d answers for %d ids", index, len(answer.Docs), len(ids))
	}
	stored := make([]Stored, len(ids))
	for i, d := range answer.Docs {
		if d.Error != nil {
			return nil, fmt.Errorf("read document %s of %s: %s: %s", d.ID, index, d.Error.Type, d.Error.Reason)
		}
		stored[i] = d.stored(ids[i])
	}
	return stored, nil
}
