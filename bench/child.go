package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// child is a program that has ended.
type child struct {
	stdout []byte
	wall   time.Duration
	cpu    time.Duration
	peak   int64
}

// watchEvery is how often the peak memory of a child is read. What it takes in
// its very last moments is missed.
const watchEvery = 20 * time.Millisecond

// runChild runs a program to its end. Its error stream is part of an error.
func runChild(ctx context.Context, env []string, name string, args ...string) (child, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return child{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // received below
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	c := child{}
	for {
		select {
		case <-ticker.C:
			c.peak = max(c.peak, peakOf(cmd.Process.Pid))
		case err := <-ended:
			c.stdout, c.wall = stdout.Bytes(), time.Since(started)
			c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			if err != nil {
				return c, fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, stderr.String(), lastLine(c.stdout))
			}
			return c, nil
		}
	}
}

func lastLine(text []byte) []byte {
	text = bytes.TrimRight(text, "\n")
	return text[bytes.LastIndexByte(text, '\n')+1:]
}

// build compiles a command in the module of the folder from: with the flags that
// tests build with too, because others, such as those of a release, would compile
// every dependency once more.
func build(ctx context.Context, from, to, name, pkg string) (string, error) {
	path := filepath.Join(to, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Dir, cmd.Env = from, append(os.Environ(), "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}
