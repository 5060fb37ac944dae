package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// guard runs "$@" in place of this shell, with a watchdog beside it in the same
// process group. The watchdog waits for the end of the pipe on standard input,
// which comes when the owner closes it or dies of whatever cause. Then it sends
// the signal $0 to the server, waits up to 10 s for it to end, and kills the
// whole group, itself included. The watchdog's own membership keeps the group
// number from being given to somebody else meanwhile.
const guard = `
exec 3<&0 </dev/null
(
	trap '' HUP INT QUIT TERM
	read -r _ <&3
	kill -s "$0" "$$" 2>/dev/null
	n=0
	while kill -0 "$$" 2>/dev/null && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
	kill -s KILL 0
) &
exec 3<&-
exec "$@"
`

// groupEnd bounds the wait for a killed process group to be gone. Its members
// die at once but give their memory back first; a machine whose init reaps
// nothing would keep them as zombies for ever.
const groupEnd = 10 * time.Second

// command says how to start a server.
type command struct {
	args []string
	env  []string
	dir  string // working directory
	log  string // file for both outputs, appended to
	last string // signal that ends the server if the owner is gone: KILL, QUIT
	user owner
}

// process is one server with everything it has forked.
type process struct {
	cmd   *exec.Cmd
	alive *os.File      // the watchdog's pipe; closing it ends the group
	ended chan struct{} // closed once the server has ended
	err   error         // how it ended; read after ended
}

// launch starts the server and returns without waiting for it to be ready.
func launch(ctx context.Context, c command) (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) //nolint:gosec // G302: people other than root read the logs
	if err != nil {
		return nil, err
	}
	defer log.Close()
	pipe, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer pipe.Close()

	// The context of the start must not end the server.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", append([]string{"-c", guard, c.last}, c.args...)...) //nolint:gosec // G204: programs found by this package
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pipe, log, log
	cmd.Dir, cmd.Env = c.dir, c.env
	cmd.SysProcAttr = c.user.attributes()
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.args[0], err), alive.Close())
	}
	p := &process{cmd: cmd, alive: alive, ended: make(chan struct{})}
	go func() { // ends with the server; kill and stop wait for it
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// kill ends the whole group with SIGKILL and returns when it is gone. It is
// safe to call twice, and after the server has ended by itself.
func (p *process) kill() {
	p.signalGroup(syscall.SIGKILL)
	<-p.ended
	_ = p.alive.Close() // closed already at the second call
	p.awaitGroup()
}

// stop sends sig to the server alone and waits for it to end. When ctx ends
// first, the group is killed.
func (p *process) stop(ctx context.Context, sig syscall.Signal) {
	if !p.hasEnded() {
		_ = syscall.Kill(p.cmd.Process.Pid, sig) // it may just have ended
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
	}
	p.kill()
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// signalGroup is a no-op once the group is gone: closing alive is the last
// thing that happens to a group, and its number is not ours afterwards.
func (p *process) signalGroup(sig syscall.Signal) {
	if _, err := p.alive.Stat(); errors.Is(err, os.ErrClosed) {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, sig) // the watchdog is there until we are done
}

// awaitGroup waits for the server's own children, which init reaps.
func (p *process) awaitGroup() {
	ctx, cancel := context.WithTimeout(context.Background(), groupEnd)
	defer cancel()
	_ = poll(ctx, 5*time.Millisecond, func(context.Context) (bool, error) {
		return errors.Is(syscall.Kill(-p.cmd.Process.Pid, 0), syscall.ESRCH), nil
	})
}

// poll calls done at once and then at every interval, until it says true,
// fails, or ctx ends.
func poll(ctx context.Context, every time.Duration, done func(context.Context) (bool, error)) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tail returns the end of a log, for the error of a start that failed.
func tail(path string) string {
	const lines = 15
	text, err := os.ReadFile(path) //nolint:gosec // G304: a log of our own
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
