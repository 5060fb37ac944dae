package crash

import (
	"math/rand/v2"
	"strings"
	"time"

	"example.com/reindex/internal/faultproxy"
)

// lease of the contenders: the shortest there is, so that take-overs are many.
const lease = 2 * time.Second

// phase is a step of a run, by the request that begins it.
type phase struct {
	name  string
	rule  faultproxy.Rule  // ALIAS is replaced
	most  int              // the n-th such request is chosen from 1 to most
	after *faultproxy.Rule // counted only once this request was seen
}

const (
	actions   = `^\{"actions":\[\{"remove":\{[^}]*\.claim-[^}]*\}\},\{"add":\{[^}]*\.done-[^}]*\}\}`
	aliases   = `^/_aliases$`
	record    = `/_doc/lock\?`
	writeHeld = `"state":"held"`
)

func phases() []phase {
	return []phase{
		{name: "take record", rule: faultproxy.Rule{Method: "PUT", Path: `/_(doc|create)/lock\?`, Body: writeHeld}, most: 1},
		{name: "renew", rule: faultproxy.Rule{Method: "PUT", Path: record, Body: writeHeld}, most: 8},
		{name: "claim", rule: faultproxy.Rule{Method: "POST", Path: aliases, Body: `"add":\{"index":"lock-ALIAS","alias":"ALIAS\.claim-[^}]*\}\}\]\}$`}, most: 1},
		{name: "create", rule: faultproxy.Rule{Method: "PUT", Path: `^/ALIAS-\d+\?timeout=`}, most: 1},
		{name: "bulk", rule: faultproxy.Rule{Method: "POST", Path: `^/ALIAS\.w-[^/]*/_bulk`}, most: 25},
		{name: "refresh", rule: faultproxy.Rule{Method: "POST", Path: `/_refresh$`}, most: 2},
		{name: "settings", rule: faultproxy.Rule{Method: "PUT", Path: `/_settings$`}, most: 1},
		{
			name: "catch up", rule: faultproxy.Rule{Method: "POST", Path: `^/ALIAS\.w-[^/]*/_bulk`}, most: 1,
			after: &faultproxy.Rule{Method: "PUT", Path: `/_settings$`},
		},
		{name: "count", rule: faultproxy.Rule{Method: "GET", Path: `/_count$`}, most: 3},
		{name: "swap", rule: faultproxy.Rule{Method: "POST", Path: aliases, Body: actions + `.*\.swap-`}, most: 1},
		{name: "correct", rule: faultproxy.Rule{Method: "POST", Path: `^/ALIAS\.swap-[^/]*/_bulk`}, most: 1},
		{name: "retire", rule: faultproxy.Rule{Method: "POST", Path: aliases, Body: `"remove_index":\{"index":"ALIAS-\d+"\}\}\]\}$`}, most: 1},
		{name: "release", rule: faultproxy.Rule{Method: "PUT", Path: record, Body: `"state":"free"`}, most: 1},
	}
}

func named(rule faultproxy.Rule, alias string) faultproxy.Rule {
	rule.Path = strings.ReplaceAll(rule.Path, "ALIAS", alias)
	rule.Body = strings.ReplaceAll(rule.Body, "ALIAS", alias)
	return rule
}

// kind is what is done to a run.
type kind string

const (
	killBefore kind = "killed before the request arrives"
	killAfter  kind = "killed when the request was applied, before its answer"
	killLate   kind = "killed, and its request arrives later"
	stopBefore kind = "paused past its lease, then its request arrives"
	stopWithin kind = "paused past its lease while its request arrives"
	loseAnswer kind = "answer lost"
	delayed    kind = "request delayed past the lease"
	twice      kind = "request sent twice by a gateway"
	terminated kind = "SIGTERM"
	killAnyhow kind = "killed at a random moment"
	stopAnyhow kind = "paused past its lease at a random moment"
)

func kinds() []kind {
	return []kind{
		killBefore, killAfter, killLate, stopBefore, stopWithin, loseAnswer, delayed, twice, terminated, killAnyhow, stopAnyhow,
	}
}

// outcome is what the proxy does for a kind of fault; 0 for a random moment.
func (k kind) outcome() faultproxy.Outcome {
	switch k {
	case killBefore, stopBefore, stopWithin, terminated:
		return faultproxy.Hold
	case killAfter, loseAnswer:
		return faultproxy.Lose
	case killLate, delayed:
		return faultproxy.Late
	case twice:
		return faultproxy.Duplicate
	case killAnyhow, stopAnyhow:
	}
	return 0
}

// plan is what a contender does next.
type plan struct {
	pause  time.Duration // before it starts
	args   []string
	cutOff bool // unlock whoever holds the lock, by token
	kind   kind
	phase  phase
	nth    int
	moment time.Duration // of a fault that meets no request
	length time.Duration // of a pause, or of a request's way
}

// draw decides everything about the next step, always with the same number of
// throws.
func draw(dice *rand.Rand) plan {
	p := plan{
		pause:  time.Duration(dice.IntN(400)) * time.Millisecond,
		args:   commands()[dice.IntN(len(commands()))],
		kind:   kinds()[dice.IntN(len(kinds()))],
		phase:  phases()[dice.IntN(len(phases()))],
		moment: time.Duration(dice.IntN(3000)) * time.Millisecond,
		length: lease + time.Duration(dice.IntN(int(2*lease/time.Millisecond)))*time.Millisecond,
	}
	p.nth = 1 + dice.IntN(p.phase.most)
	p.cutOff = p.args[0] == "unlock" && dice.IntN(2) == 0
	return p
}

// commands are what contenders run; most of them build.
func commands() [][]string {
	wait := []string{"run", "--json", "--lock-timeout", "20s"}
	run := []string{"run", "--json"}
	return [][]string{
		wait, wait, wait, wait, wait, wait, wait, run, run, run,
		{"run", "--json", "--catch-up", "off", "--lock-timeout", "20s"},
		{"run", "--json", "--no-swap", "--lock-timeout", "20s"},
		{"rollback", "--json", "--lock-timeout", "20s"},
		{"prune", "--json", "--lock-timeout", "20s"},
		{"unlock", "--json"},
	}
}
