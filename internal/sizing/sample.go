package sizing

import (
	"encoding/json"
	"errors"

	"example.com/reindex/internal/document"
)

// maxSampleBytes bounds a sample, and with it the memory of the whole search.
const maxSampleBytes = 64 << 20

// ErrFull ends the reading of documents: the sample has enough.
var ErrFull = errors.New("the sample is full")

// Sample is documents as bulk requests have them, one after the other, so that
// batches of any size are pieces of it.
type Sample struct {
	most int
	data []byte
	ends []int // of the documents in data
}

// NewSample returns an empty sample for so many documents, or fewer if they
// take more than 64 MiB.
func NewSample(documents int) *Sample { return &Sample{most: documents} }

// Add copies a document. When there are enough it returns [ErrFull].
func (s *Sample) Add(d document.Document) error {
	if len(s.ends) >= s.most || len(s.data)+len(d.JSON) > maxSampleBytes {
		return ErrFull
	}
	id, err := json.Marshal(string(d.ID))
	if err != nil {
		return err
	}
	s.data = append(append(append(s.data, `{"index":{"_id":`...), id...), "}}\n"...)
	s.data = append(append(s.data, d.JSON...), '\n')
	s.ends = append(s.ends, len(s.data))
	return nil
}

// Documents is how many there are.
func (s *Sample) Documents() int { return len(s.ends) }

// Bytes is what they take in bulk requests.
func (s *Sample) Bytes() int { return len(s.data) }

// batches cuts the sample into pieces of at most size bytes; a document that
// is larger is a piece of its own.
func (s *Sample) batches(size int) [][]byte {
	var list [][]byte
	start, last := 0, 0
	for _, end := range s.ends {
		if end-start > size && last > start {
			list = append(list, s.data[start:last])
			start = last
		}
		last = end
	}
	if last > start {
		list = append(list, s.data[start:last])
	}
	return list
}
