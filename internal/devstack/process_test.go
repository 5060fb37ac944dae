package devstack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// ownerEnv turns the test binary into an owner that starts a process which
// forks, prints the process group and waits to be killed.
const ownerEnv = "DEVSTACK_TEST_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerEnv); dir != "" {
		p, err := launch(context.Background(), forking(dir))
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stdout, p.cmd.Process.Pid)
		<-p.ended
		return
	}
	goleak.VerifyTestMain(m)
}

// forking is a process with a child, as bin/elasticsearch is; neither reacts to
// a polite signal.
func forking(dir string) command {
	const script = `trap '' TERM QUIT HUP INT; (while :; do sleep 1; done) & wait; while :; do sleep 1; done`
	return command{
		args: []string{"/bin/sh", "-c", script}, env: os.Environ(),
		dir: dir, log: filepath.Join(dir, "log"), last: "KILL",
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	t.Run("is gone with all its children after kill, even if paused", func(t *testing.T) {
		t.Parallel()
		p, err := launch(t.Context(), forking(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		if p.hasEnded() {
			t.Fatal("ended before it was killed")
		}
		p.signalGroup(syscall.SIGSTOP)
		p.kill()
		p.kill() // twice is fine
		awaitNoGroup(t, p.cmd.Process.Pid)
	})
	t.Run("is killed if it does not stop in time", func(t *testing.T) {
		t.Parallel()
		p, err := launch(t.Context(), forking(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		p.stop(ctx, syscall.SIGTERM)
		awaitNoGroup(t, p.cmd.Process.Pid)
	})
	t.Run("is gone with all its children after its owner was killed", func(t *testing.T) {
		t.Parallel()
		awaitNoGroup(t, groupOfKilledOwner(t))
	})
	t.Run("reports that it ended by itself, with its log", func(t *testing.T) {
		t.Parallel()
		c := forking(t.TempDir())
		c.args = []string{"/bin/sh", "-c", "echo no such setting; exit 3"}
		p, err := launch(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		<-p.ended
		p.kill()
		got := startError("node-1", c.log, p.err).Error()
		if !strings.Contains(got, "exit status 3") || !strings.Contains(got, "no such setting") {
			t.Errorf("startError = %q, want exit status and log", got)
		}
	})
}

// groupOfKilledOwner has another process start the server, kills that process
// with SIGKILL, and returns the server's process group.
func groupOfKilledOwner(t *testing.T) int {
	t.Helper()
	owner := exec.CommandContext(t.Context(), os.Args[0])
	owner.Env = append(os.Environ(), ownerEnv+"="+t.TempDir())
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	group, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-group, 0); err != nil {
		t.Fatalf("the server is not there before its owner dies: %v", err)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // killed
	return group
}

func awaitNoGroup(t *testing.T, group int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := poll(ctx, 10*time.Millisecond, func(context.Context) (bool, error) {
		return errors.Is(syscall.Kill(-group, 0), syscall.ESRCH), nil
	})
	if err != nil {
		t.Errorf("process group %d is still there: %v", group, err)
	}
}
