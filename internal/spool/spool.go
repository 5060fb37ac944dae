// Package spool keeps documents aside until it is known whether they may be
// sent.
//
// Promise: up to [MemoryBytes] lie in memory, the rest in a temporary file that
// has no name any more where the system can do that, and that only this user
// can read. Documents come back in the order in which they were added, with
// every field but Range.
//
// Limit: it is read once, after the last document was added.
package spool

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"example.com/reindex/internal/document"
)

// MemoryBytes is what documents may take in memory.
const MemoryBytes = 4 << 20

// Spool holds documents. The zero value is ready. Add may be called from
// several goroutines at once.
type Spool struct {
	memory int // defaults to MemoryBytes; tests make it small

	mu      sync.Mutex
	recent  []byte // what is not in the file
	file    *os.File
	inFile  int64
	records int64
}

// Add keeps a copy of d. An error means that the temporary file could not be
// written; nothing of the spool should be used then.
func (s *Spool) Add(d document.Document) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent = appendDocument(s.recent, d)
	s.records++
	limit := s.memory
	if limit == 0 {
		limit = MemoryBytes
	}
	if len(s.recent) <= limit {
		return nil
	}
	if err := s.spill(); err != nil {
		return fmt.Errorf("keep documents in a temporary file until the gates have looked at them (TMPDIR says where): %w", err)
	}
	return nil
}

// spill moves what is in memory to the end of the file.
func (s *Spool) spill() error {
	if s.file == nil {
		file, err := os.CreateTemp("", "reindex-documents-*")
		if err != nil {
			return err
		}
		_ = os.Remove(file.Name()) // else Close does it
		s.file = file
	}
	n, err := s.file.WriteAt(s.recent, s.inFile)
	s.inFile += int64(n)
	s.recent = s.recent[:0]
	return err
}

// Len is how many documents there are.
func (s *Spool) Len() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records
}

// Each calls do for each document, whose slices are valid until do returns. The
// first error ends it.
func (s *Spool) Each(do func(document.Document) error) error {
	var parts []io.Reader
	if s.file != nil {
		parts = append(parts, io.NewSectionReader(s.file, 0, s.inFile))
	}
	reader := decoder{r: bufio.NewReaderSize(io.MultiReader(append(parts, bytes.NewReader(s.recent))...), 64<<10)}
	for {
		d, err := reader.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read documents back from a temporary file: %w", err)
		}
		if err := do(d); err != nil {
			return err
		}
	}
}

// Close gives everything up. It may be called more than once.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent = nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	s.file = nil
	return err
}

const (
	isDeletion = 1 << iota
	isCreation
)

// appendDocument writes what kind it is, the numbers, the id and the JSON.
func appendDocument(buf []byte, d document.Document) []byte {
	kind := byte(0)
	if d.JSON == nil {
		kind |= isDeletion
	}
	if d.Create {
		kind |= isCreation
	}
	buf = append(buf, kind)
	for _, number := range []int64{d.Version, d.SeqNo, d.PrimaryTerm} {
		buf = binary.AppendVarint(buf, number)
	}
	buf = append(binary.AppendUvarint(buf, uint64(len(d.ID))), d.ID...)
	return append(binary.AppendUvarint(buf, uint64(len(d.JSON))), d.JSON...)
}

// decoder reads documents into buffers that it uses again.
type decoder struct {
	r        *bufio.Reader
	id, json []byte
}

// next returns io.EOF after the last document.
func (r *decoder) next() (d document.Document, err error) {
	kind, err := r.r.ReadByte()
	if err != nil {
		return d, err
	}
	for _, number := range []*int64{&d.Version, &d.SeqNo, &d.PrimaryTerm} {
		if *number, err = binary.ReadVarint(r.r); err != nil {
			return d, cut(err)
		}
	}
	if r.id, err = r.bytes(r.id); err != nil {
		return d, cut(err)
	}
	if r.json, err = r.bytes(r.json); err != nil {
		return d, cut(err)
	}
	d.ID, d.Create = r.id, kind&isCreation != 0
	if kind&isDeletion == 0 {
		d.JSON = r.json
	}
	return d, nil
}

func (r *decoder) bytes(buf []byte) ([]byte, error) {
	n, err := binary.ReadUvarint(r.r)
	if err != nil {
		return buf, err
	}
	if buf == nil || uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	_, err = io.ReadFull(r.r, buf)
	return buf, err
}

// cut makes an end in the middle of a document an error of its own.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
