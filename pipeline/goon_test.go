package pipeline

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"example.com/reindex/internal/source"
)

func TestRunDoesNotGoOnForEver(t *testing.T) {
	t.Parallel()
	why := &source.InterruptedError{Table: "person", For: "session 1"}
	r := &run{Deps: Deps{Log: slog.New(slog.DiscardHandler)}, interruptions: maxInterruptions}
	if err := r.goOn(t.Context(), why); !errors.Is(err, why) || !strings.Contains(err.Error(), "11 times") {
		t.Errorf("goOn = %v; want how often, and why", err)
	}
	if again := r.beginAgain(t.Context(), why); again != nil {
		t.Error("a run that was interrupted too often begins again")
	}
}
