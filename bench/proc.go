package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor times in /proc (USER_HZ, 100 on every
// architecture that Go runs on; see proc(5)).
const tick = 10 * time.Millisecond

// cpuOf returns the processor time of a process and of its children, those
// that have ended and were waited for included: a PostgreSQL server's backends
// live as long as a connection.
func cpuOf(pid int) (time.Duration, error) {
	total, err := statTicks(pid, 14, 15, 16, 17) // utime, stime, cutime, cstime
	if err != nil {
		return 0, err
	}
	for _, child := range childrenOf(pid) {
		// One that ends just now is counted by its parent the next time.
		ticks, err := statTicks(child, 14, 15)
		if err == nil {
			total += ticks
		}
	}
	return time.Duration(total) * tick, nil
}

// statTicks adds up fields of /proc/<pid>/stat, numbered as in proc(5).
func statTicks(pid int, numbers ...int) (int64, error) {
	fields, err := statFields(pid)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, n := range numbers {
		v, err := strconv.ParseInt(fields[n-3], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("field %d of /proc/%d/stat: %w", n, pid, err)
		}
		total += v
	}
	return total, nil
}

// statFields returns the fields from the third on; the second is a name in
// parentheses that may hold anything.
func statFields(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return nil, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	return fields, nil
}

// parentOf returns 0 for a process that is gone.
func parentOf(pid int) int {
	fields, err := statFields(pid)
	if err != nil {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}

func childrenOf(pid int) []int {
	var children []int
	entries, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, entry := range entries {
		child, err := strconv.Atoi(filepath.Base(entry))
		if err == nil && parentOf(child) == pid {
			children = append(children, child)
		}
	}
	return children
}

// peakOf returns the largest resident size of a process so far (VmHWM). The
// kernel's figure in struct rusage will not do: a child begins with its
// parent's, and this parent holds all documents.
func peakOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
