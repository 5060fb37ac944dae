package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// holds is the outcome of a check in which every invariant and property holds.
const holds = "holds"

// check is one configuration file. Its first comment lines say which module it
// is for and what must come out: "holds" or "violates <Invariant>".
type check struct {
	name   string
	file   string // base name within its set
	set    string // folder
	module string
	expect string
}

func readChecks(set string) ([]check, error) {
	files, err := filepath.Glob(filepath.Join(set, "*.cfg"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", set, err)
	}
	var checks []check
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a file of the set that was asked for
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		c, err := parseCheck(file, string(text))
		if err != nil {
			return nil, err
		}
		checks = append(checks, c)
	}
	return checks, nil
}

func parseCheck(file, text string) (check, error) {
	c := check{
		name: strings.TrimSuffix(filepath.Base(file), ".cfg"),
		file: filepath.Base(file),
		set:  filepath.Base(filepath.Dir(file)),
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), `\* `), ": ")
		switch key {
		case "Module":
			c.module = value
		case "Expect":
			c.expect = value
		}
	}
	if c.module == "" {
		return check{}, fmt.Errorf(`%s: no line "\* Module: <name>"`, file)
	}
	if c.expect != holds && !strings.HasPrefix(c.expect, "violates ") {
		return check{}, fmt.Errorf(`%s: Expect is %q, want "holds" or "violates <Invariant>"`, file, c.expect)
	}
	return c, nil
}

// run checks the configuration with TLC. An error means that there is no
// result, a result that is not the expected one is no error.
func (c check) run(ctx context.Context, o options, jar string) (result, error) {
	scratch, err := os.MkdirTemp("", "runmodel-")
	if err != nil {
		return result{}, fmt.Errorf("scratch folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	// One worker makes the search breadth first, and so the trace shortest and
	// the numbers the same each time. Runs end, so a deadlock is no error.
	// TLC unpacks the standard modules into the temporary folder under fixed names
	// and deletes them at its end: two checks that share one read half a module.
	args := []string{"-XX:+UseSerialGC", "-Xmx2g", "-Djava.io.tmpdir=" + scratch}
	if !o.large {
		// Halves the work of a check that ends before the better compiler pays.
		args = append(args, "-XX:TieredStopAtLevel=1")
	}
	args = append(args, "-cp", jar, "tlc2.TLC", "-workers", "1", "-deadlock", "-nowarning",
		"-metadir", scratch, "-config", filepath.Join(c.set, c.file), c.module)
	cmd := exec.CommandContext(ctx, "java", args...) //nolint:gosec // our own arguments
	cmd.Dir = o.dir
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	started := time.Now()
	err = cmd.Run()
	if ctx.Err() != nil {
		return result{}, fmt.Errorf("stopped after %.0f s: %w", time.Since(started).Seconds(), context.Cause(ctx))
	}
	var exit *exec.ExitError // TLC also exits with a status when it found a violation
	if err != nil && !errors.As(err, &exit) {
		return result{}, fmt.Errorf("start java: %w", err)
	}
	r := parseOutput(output.String())
	used := cmd.ProcessState
	r.check, r.seconds = c, (used.UserTime() + used.SystemTime()).Seconds()
	if r.outcome == "" {
		return result{}, fmt.Errorf("tlc gave no result:\n%s", output.String())
	}
	return r, nil
}

// result is what TLC found.
type result struct {
	check               check
	outcome             string  // like check.expect
	distinct, generated string  // states
	depth               string  // of the search, or length of the trace
	seconds             float64 // of processor time, which a busy machine does not change much
}

func (r result) asExpected() bool { return r.outcome == r.check.expect }

func (r result) String() string {
	verdict := "ok"
	if !r.asExpected() {
		verdict = "FAIL"
	}
	return fmt.Sprintf("%-4s %-28s %-26s %-26s %20s %6s %8.1f",
		verdict, r.check.name, r.check.expect, r.outcome, r.distinct+"/"+r.generated, r.depth, r.seconds)
}

// parseOutput reads what TLC 2.15 prints. The outcome is empty if it printed
// no verdict, as for a module it cannot parse.
func parseOutput(text string) result {
	last := func(expression string) []string {
		all := regexp.MustCompile(expression).FindAllStringSubmatch(text, -1)
		if len(all) == 0 {
			return []string{"", "", ""}
		}
		return all[len(all)-1]
	}
	var r result
	states := last(`(\d+) states generated, (\d+) distinct states found`)
	r.generated, r.distinct = states[1], states[2]
	r.depth = last(`depth of the complete state graph search is (\d+)`)[1]
	switch violated := last(`Invariant (\w+) is violated`)[1]; {
	case violated != "":
		r.outcome = "violates " + violated
	case strings.Contains(text, "Temporal properties were violated"):
		r.outcome = "violates a property" // TLC does not say which
	case strings.Contains(text, "No error has been found"):
		r.outcome = holds
		return r
	}
	r.depth = last(`(?m)^State (\d+):`)[1]
	return r
}
