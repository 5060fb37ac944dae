package crash

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"time"

	"example.com/reindex/internal/faultproxy"
)

// contender starts the program again and again, as cron, an operator and a
// restarting container would, each time with something that goes wrong.
type contender struct {
	*suite
	id    int
	dice  *rand.Rand
	proxy *faultproxy.Proxy
}

// keptRequests is how much of a contender's log is kept for a violation.
const keptRequests = 300

func (c *contender) compete(ctx context.Context) {
	for c.goOn(ctx) {
		c.step(ctx, draw(c.dice))
		c.proxy.Forget(keptRequests)
	}
}

// step runs one plan to its end.
func (c *contender) step(ctx context.Context, p plan) {
	if !sleep(ctx, p.pause) {
		return
	}
	if p.cutOff {
		p.args = append(slices.Clone(p.args), c.heldToken(ctx)...)
	}
	armed := c.arm(p)
	process, err := c.start(ctx, c.proxy.URL(), p.args...)
	if err != nil {
		if ctx.Err() == nil {
			c.violate("contender %d: %v", c.id, err)
		}
		return
	}
	met := c.meet(ctx, p, process, armed)
	status, ended := process.Wait()
	armed.disarm()
	if met {
		c.faults.Add(1)
	}
	c.judge(ctx, p, process, status, ended, met)
}

// heldToken asks for the token to unlock with.
func (c *contender) heldToken(ctx context.Context) []string {
	p, err := c.start(ctx, c.proxy.URL(), "status", "--json")
	if err != nil {
		return nil
	}
	<-p.Ended()
	var status struct {
		Lock struct {
			State string
			Token int64
		}
	}
	if json.Unmarshal([]byte(p.Stdout()), &status) != nil || status.Lock.State != "held" {
		return nil
	}
	return []string{strconv.FormatInt(status.Lock.Token, 10)}
}

// armed is the rule that waits for the request a fault is meant for.
type armed struct {
	c      *contender
	handle *faultproxy.Handle
	gate   *faultproxy.Handle
}

func (c *contender) arm(p plan) *armed {
	a := &armed{c: c}
	if p.kind.outcome() == 0 {
		return a
	}
	if p.phase.after != nil {
		a.gate = c.proxy.On(named(*p.phase.after, c.alias))
		return a
	}
	a.set(p)
	return a
}

func (a *armed) set(p plan) {
	rule := named(p.phase.rule, a.c.alias)
	rule.Nth, rule.Do = p.nth, p.kind.outcome()
	a.handle = a.c.proxy.On(rule)
}

// disarm makes sure that the fault meets no later process.
func (a *armed) disarm() {
	for _, h := range []*faultproxy.Handle{a.gate, a.handle} {
		if h != nil {
			a.c.proxy.Drop(h)
		}
	}
}

// meet waits for the moment of the fault and does it; false means that the
// process ended before.
func (c *contender) meet(ctx context.Context, p plan, process *process, a *armed) bool {
	if p.kind.outcome() == 0 {
		return c.meetAnyhow(ctx, p, process)
	}
	if a.gate != nil {
		if !reached(a.gate, process) {
			return false
		}
		a.set(p)
	}
	if !reached(a.handle, process) {
		return false
	}
	return c.hit(ctx, p, process, a.handle)
}

func reached(h *faultproxy.Handle, process *process) bool {
	select {
	case <-h.Reached():
		return true
	case <-process.Ended():
		return false
	}
}

// hit does what a kind of fault does once its request is there.
func (c *contender) hit(ctx context.Context, p plan, process *process, h *faultproxy.Handle) bool {
	switch p.kind {
	case killBefore:
		return process.Signal(syscall.SIGKILL)
	case killAfter:
		<-h.Done()
		return process.Signal(syscall.SIGKILL)
	case killLate:
		killed := process.Signal(syscall.SIGKILL)
		c.later(ctx, p.length, h)
		return killed
	case stopBefore:
		return c.stop(ctx, p, process, nil, h.Release)
	case stopWithin:
		return c.stop(ctx, p, process, h.Release, nil)
	case delayed:
		c.later(ctx, p.length, h)
	case terminated:
		process.Signal(syscall.SIGTERM)
		c.later(ctx, p.moment/10, h)
	case loseAnswer, twice, killAnyhow, stopAnyhow: // the proxy has done it
	}
	return true
}

func (c *contender) meetAnyhow(ctx context.Context, p plan, process *process) bool {
	select {
	case <-process.Ended():
		return false
	case <-time.After(p.moment):
	}
	if p.kind == killAnyhow {
		return process.Signal(syscall.SIGKILL)
	}
	return c.stop(ctx, p, process, nil, nil)
}

// stop pauses the process for longer than its lease.
func (c *contender) stop(ctx context.Context, p plan, process *process, meanwhile, before func()) bool {
	stopped := process.Signal(syscall.SIGSTOP)
	if meanwhile != nil {
		sleep(ctx, p.moment/2)
		meanwhile()
	}
	sleep(ctx, p.length)
	if before != nil {
		before()
	}
	process.Signal(syscall.SIGCONT)
	return stopped
}

// later lets a parked request go after a while, or when the suite ends.
func (c *contender) later(ctx context.Context, d time.Duration, h *faultproxy.Handle) {
	c.parked.Go(func() {
		sleep(ctx, d)
		h.Release()
	})
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
