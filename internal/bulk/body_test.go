package bulk

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
)

func TestLoan(t *testing.T) {
	t.Parallel()
	newRequest := func(t *testing.T, l *loan) *http.Request {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		l.attach(req)
		return req
	}
	t.Run("is read whole, in any steps", func(t *testing.T) {
		t.Parallel()
		l := &loan{prefix: "ab", data: []byte("cdef")}
		req := newRequest(t, l)
		if err := iotest.TestReader(req.Body, []byte("abcdef")); err != nil || req.ContentLength != 6 {
			t.Errorf("Content-Length %d, %v", req.ContentLength, err)
		}
	})
	t.Run("starts again on another connection, apart from the first", func(t *testing.T) {
		t.Parallel()
		req := newRequest(t, &loan{data: []byte("abcdef")})
		first := make([]byte, 3)
		if _, err := io.ReadFull(req.Body, first); err != nil {
			t.Fatal(err)
		}
		second, err := req.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(second)
		left, err2 := io.ReadAll(req.Body)
		if string(all) != "abcdef" || string(left) != "def" || err != nil || err2 != nil {
			t.Errorf("read %q and %q, %v, %v", all, left, err, err2)
		}
	})
	t.Run("cannot be read once it was taken back", func(t *testing.T) {
		t.Parallel()
		data := []byte("abcdef")
		l := &loan{data: data}
		req := newRequest(t, l)
		reading := make(chan error)
		go func() { // as a transport that was cancelled may go on
			for {
				if _, err := req.Body.Read(make([]byte, 1)); err != nil {
					reading <- err
					return
				}
			}
		}()
		l.takeBack()
		clear(data) // the race detector watches
		if err := <-reading; !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("Read = %v; want %v", err, io.ErrUnexpectedEOF)
		}
		if _, err := req.Body.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Read = %v; want %v", err, io.ErrUnexpectedEOF)
		}
	})
}
