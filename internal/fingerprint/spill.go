package fingerprint

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

// place is where a block lies in the file.
type place struct {
	at   int64
	n    int // bytes of the block
	room int // bytes that it can grow to where it is
}

// spill keeps blocks in a temporary file, which is made for the first of them.
type spill struct {
	mu   sync.Mutex
	file *os.File
	end  int64
	err  error // why nothing more is written to it
}

// write keeps data at a place, elsewhere than before if it has outgrown that. It
// says false if it could not, once for all: what it was given before is lost then
// if it had this place.
func (s *spill) write(p *place, data []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil && s.err == nil {
		s.file, s.err = create()
	}
	if s.err != nil {
		return false
	}
	at, room := p.at, p.room
	if len(data) > room {
		at, room = s.end, len(data)+len(data)/8
	}
	if _, err := s.file.WriteAt(data, at); err != nil {
		s.err = err
		return false
	}
	s.end = max(s.end, at+int64(room))
	*p = place{at: at, n: len(data), room: room}
	return true
}

// create makes a file that has no name any more, where the system can do that.
func create() (*os.File, error) {
	f, err := os.CreateTemp("", "reindex-fingerprints-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // else close does it
	return f, nil
}

// read reads a block into buf, which grows as it has to.
func (s *spill) read(p place, buf []byte) ([]byte, error) {
	s.mu.Lock()
	file := s.file
	s.mu.Unlock()
	if cap(buf) < p.n {
		buf = make([]byte, p.n+p.n/8)
	}
	buf = buf[:p.n]
	_, err := file.ReadAt(buf, p.at)
	return buf, err
}

func (s *spill) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *spill) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	s.file, s.err = nil, os.ErrClosed
	return err
}
