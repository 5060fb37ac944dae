package scaffold_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// counter is a proxy before PostgreSQL that counts the statements it passes on.
type counter struct {
	addr string
	mu   sync.Mutex
	sent bytes.Buffer // what clients sent
}

func countingProxy(t *testing.T, server string) *counter {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	c := &counter{addr: listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go c.pass(client, server)
		}
	}()
	return c
}

func (c *counter) pass(client net.Conn, server string) {
	defer client.Close()
	backend, err := (&net.Dialer{}).Dial("tcp", server)
	if err != nil {
		return
	}
	defer backend.Close()
	go func() { _, _ = io.Copy(client, backend) }()
	_, _ = io.Copy(io.MultiWriter(backend, c), client)
}

// Write keeps what a client sent.
func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.Write(p)
}

// statements counts Query and Execute messages: the start-up message has a
// length and no letter, all others a letter and a length.
func (c *counter) statements() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := c.sent.Bytes()
	for started := false; len(sent) >= 5; {
		head := 1
		if !started {
			head = 0
		}
		size := head + int(sent[head])<<24 + int(sent[head+1])<<16 + int(sent[head+2])<<8 + int(sent[head+3])
		if started && (sent[0] == 'Q' || sent[0] == 'E') {
			n++
		}
		started = true
		if size > len(sent) {
			return n
		}
		sent = sent[size:]
	}
	return n
}
