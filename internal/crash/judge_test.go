package crash

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// killed is the status of a process that a signal ended.
const killed = -1

// statuses are what each command may end with, whatever happens to it.
func statuses(command string) []int {
	switch command {
	case "rollback":
		return []int{killed, 0, 1, 10, 11, 12, 13, 143} // 10: nothing to roll back to
	case "prune":
		return []int{killed, 0, 1, 11, 12, 143}
	case "unlock":
		return []int{killed, 0, 1, 2, 11, 12, 143} // 2: the token has changed
	}
	return []int{killed, 0, 1, 11, 12, 13, 143}
}

// judge holds what a process says of itself against what it may say, and
// remembers its promises.
func (c *contender) judge(ctx context.Context, p plan, process *process, status int, ended, met bool) {
	what := strings.Join(p.args, " ")
	if met {
		what += fmt.Sprintf(" [%s, %s %d]", p.kind, p.phase.name, p.nth)
		if p.kind.outcome() == 0 {
			what = strings.Join(p.args, " ") + " [" + string(p.kind) + "]"
		}
	}
	c.note("contender %d: %s: status %d %s", c.id, what, status, process.lastWords())
	c.count(p, status, met)
	c.odd(status, what, process)
	if ctx.Err() != nil {
		return
	}
	if !ended {
		c.violate("contender %d: %s did not end:\n%s", c.id, what, process.Stderr())
	}
	if !slices.Contains(statuses(p.args[0]), status) {
		c.violate("contender %d: %s ended with status %d:\n%s\n%s", c.id, what, status, process.Stdout(), process.Stderr())
	}
	if s, ok := process.summary(); ok && p.args[0] == "run" && s.Token > 0 {
		c.promised(s, status)
	}
}

// odd remembers endings that are allowed and should be rare.
func (c *contender) odd(status int, what string, process *process) {
	if !slices.Contains([]int{1, 10, 13}, status) {
		return
	}
	c.tally.Lock()
	defer c.tally.Unlock()
	if len(c.tally.odd) < 20 {
		c.tally.odd = append(c.tally.odd, fmt.Sprintf("%s: status %d %s", what, status, process.lastWords()))
	}
}

// promised remembers what a run has promised of its swap.
func (c *contender) promised(s summary, status int) {
	never, err := promise(s.Outcome, status)
	if err != nil {
		c.violate("run %s: %v", s.RunID, err)
	}
	if never {
		c.promises.Store(fmt.Sprintf("%s.swap-%d-%s", c.alias, s.Token, s.RunID), true)
	}
}

// promise says whether a run that ended like this has promised that its swap
// has not happened and never will. A run may be killed between its last word
// and its end: then the word alone counts.
func promise(outcome string, status int) (never bool, err error) {
	done := outcome == "swapped" || outcome == "built"
	if status != killed && (status == 0) != done {
		return false, fmt.Errorf("ended with status %d and outcome %s", status, outcome)
	}
	return !done && status != 13 && outcome != "unknown", nil
}

func TestPromise(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		outcome string
		status  int
		never   bool
		wrong   bool
	}{
		{outcome: "swapped", status: 0},
		{outcome: "built", status: 0},
		{outcome: "swapped", status: killed},
		{outcome: "built", status: killed},
		{outcome: "unknown", status: killed},
		{outcome: "unknown", status: 13},
		{outcome: "failed", status: killed, never: true},
		{outcome: "failed", status: 1, never: true},
		{outcome: "failed", status: 143, never: true},
		{outcome: "lost", status: 12, never: true},
		{outcome: "failed", status: 0, wrong: true},
		{outcome: "swapped", status: 1, wrong: true},
		{outcome: "swapped", status: 143, wrong: true},
	} {
		t.Run(fmt.Sprintf("%s and %d", test.outcome, test.status), func(t *testing.T) {
			t.Parallel()
			never, err := promise(test.outcome, test.status)
			if never != test.never || (err != nil) != test.wrong {
				t.Errorf("never swapped: %t, error: %v; want %t, and an error: %t", never, err, test.never, test.wrong)
			}
		})
	}
}
