package readback

import "encoding/json"

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
}

func (d storedJSON) stored(id string) Stored {
	return Stored{ID: id, Found: d.Found, Version: d.Ver, SeqNo: d.SeqNo, PrimaryTerm: d.Term, Source: d.Source}
}
