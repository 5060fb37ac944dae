package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"example.com/reindex/internal/bulk"
)

// serverMessages is the one place that gets what servers said in full, document
// content included: a local file that the user asked for. Everything else gets what
// package redact leaves of it. Without a path it writes nowhere.
type serverMessages struct {
	path string
	mu   sync.Mutex
	file *os.File
	err  error
}

// rejected keeps what Elasticsearch said about one document.
func (m *serverMessages) rejected(f bulk.Failure) {
	if text := f.Unredacted(); text != "" {
		m.write(map[string]any{"id": f.ID, "type": f.Type, "message": text})
	}
}

// failed keeps what the servers said to the errors inside err.
func (m *serverMessages) failed(err error) {
	if m.path == "" || err == nil {
		return
	}
	if full, ok := err.(interface{ Unredacted() string }); ok && full.Unredacted() != "" {
		m.write(map[string]any{"error": err.Error(), "message": full.Unredacted()})
	}
	for _, inner := range inside(err) {
		m.failed(inner)
	}
}

func (m *serverMessages) write(line map[string]any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.path == "" || m.err != nil {
		return
	}
	if m.file == nil {
		m.file, m.err = os.OpenFile(m.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if m.err != nil {
			return
		}
	}
	line["at"] = time.Now().UTC().Format(time.RFC3339)
	m.err = json.NewEncoder(m.file).Encode(line)
}

func (m *serverMessages) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file != nil {
		if err := m.file.Close(); m.err == nil {
			m.err = err
		}
	}
	if m.err != nil {
		return fmt.Errorf("--server-messages: %w", m.err)
	}
	return nil
}
