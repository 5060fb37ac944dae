package main

import (
	"encoding/json"
	"fmt"
	"os"

	"example.com/reindex/internal/bulk"
)

// failuresFile gets one JSON line per rejected document: id, status, type and
// reason, never its content. Without a path it writes nowhere.
type failuresFile struct {
	file *os.File
	full *serverMessages // gets what Elasticsearch said in full; nil for nobody
	err  error
	also func(bulk.Failure) // gets each one too, if it is not nil
}

func (a *app) openFailures(path string) (*failuresFile, error) {
	if path == "" {
		return &failuresFile{full: a.full}, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("load.failures_file: %w", err)
	}
	return &failuresFile{file: file, full: a.full}, nil
}

// write is called by the loader, one failure at a time.
func (f *failuresFile) write(failure bulk.Failure) {
	if f.full != nil {
		f.full.rejected(failure)
	}
	if f.also != nil {
		f.also(failure)
	}
	if f.file == nil || f.err != nil {
		return
	}
	f.err = json.NewEncoder(f.file).Encode(map[string]any{
		"id": failure.ID, "status": failure.Status, "type": failure.Type, "reason": failure.Reason,
	})
}

func (f *failuresFile) close() error {
	if f.file == nil {
		return nil
	}
	if err := f.file.Close(); f.err == nil {
		f.err = err
	}
	if f.err != nil {
		return fmt.Errorf("load.failures_file: %w", f.err)
	}
	return nil
}
