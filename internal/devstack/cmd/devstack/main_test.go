package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/internal/devstack/stacktest"
)

// mainEnv makes the test binary behave as devstack itself.
const mainEnv = "DEVSTACK_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) == "1" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // this is main in that process
	}
	m.Run()
}

func devstackCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), mainEnv+"=1")
	return cmd
}

func TestUsageErrorsExitWith2(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"run"}, {"up", "down"}, {"missing", "--postgres", "13"}, {"--nonsense"}, {"dance"}} {
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != exitUsage {
			t.Errorf("devstack %v exits with %d, want %d; stderr: %s", args, code, exitUsage, &errs)
		}
	}
}

func TestChildEndsBecomeExitCodes(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 3": 3, "kill -TERM $$": 128 + 15} {
		err := exitOf(exec.CommandContext(t.Context(), "/bin/sh", "-c", script).Run())
		got := 0
		if exit, ok := errors.AsType[*exitError](err); ok {
			got = exit.code
		}
		if got != want {
			t.Errorf("exit code after %q = %d, want %d", script, got, want)
		}
	}
}

func TestSignalsReachTheChild(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "/bin/sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	var exit *exitError
	if err := exitOf(waitForwarding(child, signals)); !errors.As(err, &exit) || exit.code != 9 {
		t.Errorf("child ended with %v, want its own code 9", err)
	}
}

// The promise of the package, with the real servers: an owner that dies without
// a chance to clean up leaves no server behind, not even a session at work.
func TestKilledOwnerLeavesNoServer(t *testing.T) {
	t.Parallel()
	stacktest.Elasticsearch(t) // the same servers are needed, and the same rule says when to skip

	owner := devstackCommand(t.Context(), "up", "--heap", "512")
	owner.Env = append(owner.Env, "TMPDIR="+openTempDir(t)) // which the owner cannot remove
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	urls := readExports(t, bufio.NewScanner(out))
	pids := append(postgresProcesses(t, urls["DATABASE_URL"]), jvmProcess(t, urls["ELASTICSEARCH_URL"]))

	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // killed
	deadline := time.Now().Add(2 * time.Minute)
	for _, pid := range pids {
		for !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d of %v outlived its owner", pid, pids)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// openTempDir is t.TempDir for servers that run as another user.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "killed-owner-") //nolint:usetesting // t.TempDir lets nobody else in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// readExports reads the output of `devstack up` up to its last variable.
func readExports(t *testing.T, lines *bufio.Scanner) map[string]string {
	t.Helper()
	urls := map[string]string{}
	for len(urls) < 4 && lines.Scan() {
		if line, ok := strings.CutPrefix(lines.Text(), "export "); ok {
			name, value, _ := strings.Cut(line, "=")
			urls[name] = strings.Trim(value, "'")
		}
	}
	if len(urls) < 4 {
		t.Fatalf("devstack up printed only %v", urls)
	}
	return urls
}

// postgresProcesses returns the first process and a session that computes for
// longer than any test takes.
func postgresProcesses(t *testing.T, database string) []int {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	var first, session int
	const query = `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int, pg_backend_pid()`
	if err := conn.QueryRow(ctx, query).Scan(&first, &session); err != nil {
		t.Fatal(err)
	}
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		_, _ = conn.Exec(ctx, "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE random() < 0") // ends with the server
	}()
	t.Cleanup(func() { <-busy })
	return []int{first, session}
}

func jvmProcess(t *testing.T, server string) int {
	t.Helper()
	resp, err := http.Get(server + "/_nodes/_local/process")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var info struct {
		Nodes map[string]struct {
			Process struct {
				ID int `json:"id"`
			} `json:"process"`
		} `json:"nodes"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&info); err != nil {
		t.Fatal(err)
	}
	for _, node := range info.Nodes {
		return node.Process.ID
	}
	t.Fatal("the node does not list itself")
	return 0
}
