package spool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/document"
)

func clone(d document.Document) document.Document {
	d.ID, d.JSON = slices.Clone(d.ID), slices.Clone(d.JSON)
	return d
}

func TestDocumentsComeBackAsTheyWereAdded(t *testing.T) {
	t.Parallel()
	for _, memory := range []int{1, 100, 0} {
		t.Run(fmt.Sprint("memory ", memory), func(t *testing.T) {
			t.Parallel()
			s := &Spool{memory: memory}
			want := []document.Document{
				{ID: []byte("1"), JSON: []byte(`{"a":1}`), Version: 7},
				{ID: []byte("gone"), Version: -1},
				{ID: []byte("é"), JSON: []byte(strings.Repeat("x", 1000)), Create: true},
				{ID: []byte("3"), JSON: []byte(`{}`), SeqNo: 1 << 40, PrimaryTerm: 2},
				{ID: []byte("4"), JSON: []byte{}},
			}
			for _, d := range want {
				if err := s.Add(d); err != nil {
					t.Fatal(err)
				}
			}
			var got []document.Document
			if err := s.Each(func(d document.Document) error { got = append(got, clone(d)); return nil }); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" || s.Len() != int64(len(want)) {
				t.Error(s.Len(), diff)
			}
			if err := s.Each(func(document.Document) error { return errors.ErrUnsupported }); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("the error of the caller is %v", err)
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSeveralStreamsAdd(t *testing.T) {
	t.Parallel()
	s := &Spool{memory: 50}
	defer s.Close()
	var streams sync.WaitGroup
	for stream := range 4 {
		streams.Go(func() {
			for i := range 100 {
				if err := s.Add(document.Document{ID: fmt.Append(nil, stream, "-", i), JSON: []byte(`{}`)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	streams.Wait()
	seen := map[string]bool{}
	if err := s.Each(func(d document.Document) error { seen[string(d.ID)] = true; return nil }); err != nil || len(seen) != 400 {
		t.Errorf("%d documents, %v; want 400", len(seen), err)
	}
}

func TestNoTemporaryFileIsAnError(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/nowhere")
	s := &Spool{memory: 1}
	if err := s.Add(document.Document{ID: []byte("1")}); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("got %v, want an error that names TMPDIR", err)
	}
}
