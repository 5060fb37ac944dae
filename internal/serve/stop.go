package serve

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"example.com/reindex/internal/serve/board"
	"example.com/reindex/internal/serve/watch"
)

func pid() int { return os.Getpid() }

// stop ends the run that holds the lock, wherever it is: a child of ours or
// another process of this machine gets SIGTERM; the server of another machine
// finds our word for it. The text says what was done.
func (s *Server) stop(ctx context.Context, x *served, runID, by string) (string, error) {
	h := x.watcher.View().Status.Record.Holder
	if job, ok := s.Runner.Running(x.Name); ok && (runID == "" || job.PID == h.PID) {
		if _, err := s.Runner.Stop(x.Name, by); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s (pid %d) was sent SIGTERM", job.Name, job.PID), nil
	}
	if h.Host == s.Host {
		if err := terminate(h.PID); err != nil {
			return "", err
		}
		return fmt.Sprintf("run %s (pid %d) was sent SIGTERM", h.RunID, h.PID), nil
	}
	if x.Notes == nil {
		return "", fmt.Errorf("run %s is on %s, and this server cannot leave word there", h.RunID, h.Host)
	}
	if err := x.Notes.PutStop(ctx, board.Stop{RunID: h.RunID, By: by, At: time.Now().UTC()}); err != nil {
		return "", err
	}
	return fmt.Sprintf("`reindex serve` on %s is asked to stop run %s; if none is up there, unlock cuts the run off", h.Host, h.RunID), nil
}

// passStopOn stops the holder of the lock if another server left word for it.
func (s *Server) passStopOn(x *served, v watch.View) {
	h := v.Status.Record.Holder
	if !v.Status.Locked || h.Host != s.Host || v.Problem != "" {
		return
	}
	for _, stop := range v.Board.Stops {
		x.mu.Lock()
		done := x.asked[stop.RunID]
		x.asked[stop.RunID] = x.asked[stop.RunID] || stop.RunID == h.RunID
		x.mu.Unlock()
		if stop.RunID != h.RunID || done {
			continue
		}
		ctx := context.Background()
		text, err := s.stop(ctx, x, stop.RunID, stop.By)
		s.Log.InfoContext(ctx, "a run is stopped for another server", slog.String("index", x.Name),
			slog.String("by", stop.By), slog.String("done", text), slog.Any("error", err))
	}
}

// terminate sends SIGTERM to a process of this machine if it is this program:
// the number may belong to another process by now.
func terminate(pid int) error {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return fmt.Errorf("pid %d is not seen from here: it may have ended, or be in another container", pid)
	}
	program, _, _ := bytes.Cut(line, []byte{0})
	if filepath.Base(string(program)) != filepath.Base(os.Args[0]) {
		return fmt.Errorf("pid %d is another program by now", pid)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop pid %d: %w", pid, err)
	}
	return nil
}
