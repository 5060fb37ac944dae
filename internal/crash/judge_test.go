package crash

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// statuses are what each command may end with, whatever happens to it; -1 is a
// signal.
func statuses(command string) []int {
	switch command {
	case "rollback":
		return []int{-1, 0, 1, 10, 11, 12, 13, 143} // 10: nothing to roll back to
	case "prune":
		return []int{-1, 0, 1, 11, 12, 143}
	case "unlock":
		return []int{-1, 0, 1, 2, 11, 12, 143} // 2: the token has changed
	}
	return []int{-1, 0, 1, 11, 12, 13, 143}
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
		c.violate("contender %d: %s did not end:\n%s", c.id, what, process.err.String())
	}
	if !slices.Contains(statuses(p.args[0]), status) {
		c.violate("contender %d: %s ended with status %d:\n%s\n%s", c.id, what, status, process.out.String(), process.err.String())
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

// promised remembers what a run has promised: with any status but 0 and 13, its
// swap has not happened and never will.
func (c *contender) promised(s summary, status int) {
	if (status == 0) != (s.Outcome == "swapped" || s.Outcome == "built") {
		c.violate("run %s ended with status %d and outcome %s", s.RunID, status, s.Outcome)
	}
	if status == 0 || status == 13 {
		return
	}
	c.promises.Store(fmt.Sprintf("%s.swap-%d-%s", c.alias, s.Token, s.RunID), true)
}
