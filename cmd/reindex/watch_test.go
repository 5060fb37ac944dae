package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchShowsAgainWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out, err bytes.Buffer
		a := &app{streams: streams{out: &out, err: &err}}
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		looks := 0
		if got := a.watchStatus(ctx, func() error {
			if looks++; looks == 2 {
				return errors.New("no answer")
			}
			return nil
		}); got != nil {
			t.Error(got)
		}
		if looks != 4 || strings.Count(err.String(), "no answer") != 1 {
			t.Errorf("%d looks, and %q", looks, err.String())
		}
		if got := a.watchStatus(t.Context(), func() error { return usageError{err: errors.New("no such index")} }); got == nil {
			t.Error("a mistake did not end it")
		}
	})
}
