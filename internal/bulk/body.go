package bulk

import (
	"io"
	"net/http"
	"sync"
)

// guard stands before deletions that travel without an index action. A bulk
// request of nothing but versioned deletions creates the missing index, even
// under require_alias=true, which Elasticsearch applies to other actions only
// (measured on 8.19.7). An update without changes carries the flag and writes
// nothing, whether the document exists (noop) or not (404).
const guard = `{"update":{"_id":"require-alias"}}` + "\n" + `{"doc":{}}` + "\n"

// needsGuard reports whether only deletions are left.
func needsGuard(items []item) bool {
	for _, it := range items {
		if !it.deletion {
			return false
		}
	}
	return true
}

// loan is a buffer lent to a transport, which may go on reading after it
// returned: when it was cancelled, or the server answered early. The buffer
// would change under it, so the loan is taken back first.
type loan struct {
	mu     sync.Mutex
	prefix string
	data   []byte
	over   bool
}

// attach makes the loan the body of req. GetBody lets the transport start
// again on another connection when it wrote nothing to a stale one.
func (l *loan) attach(req *http.Request) {
	req.Body = &loanReader{loan: l}
	req.ContentLength = int64(len(l.prefix) + len(l.data))
	req.GetBody = func() (io.ReadCloser, error) { return &loanReader{loan: l}, nil }
}

// takeBack waits for a Read that is under way and lets no other begin.
func (l *loan) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over, l.data = true, nil
}

// loanReader reads a loan from its start. It offers no WriteTo on purpose:
// every copy out of the buffer happens inside Read, under the lock.
type loanReader struct {
	loan   *loan
	offset int
}

// Read fails once the loan is over, and the transport drops the connection.
func (r *loanReader) Read(p []byte) (int, error) {
	l := r.loan
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, io.ErrUnexpectedEOF
	}
	var n int
	if r.offset < len(l.prefix) {
		n = copy(p, l.prefix[r.offset:])
	} else {
		n = copy(p, l.data[r.offset-len(l.prefix):])
	}
	r.offset += n
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close has nothing to do; takeBack does it.
func (r *loanReader) Close() error { return nil }
