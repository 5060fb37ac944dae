package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/devstack/stacktest"
)

var update = flag.Bool("update", false, "write the golden files of help texts anew")

func TestHelpTexts(t *testing.T) {
	t.Parallel()
	commands := []string{""}
	for _, c := range (&app{}).root().Commands() {
		commands = append(commands, c.Name())
	}
	for _, command := range commands {
		t.Run("reindex "+command, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			args := strings.Fields(command + " --help")
			if code := execute(args, streams{out: &out, err: &errs}); code != 0 || errs.Len() > 0 {
				t.Fatalf("exit status %d, %s", code, errs.String())
			}
			for _, want := range []string{"Usage:", "Exit status:", "Examples:"} {
				if !strings.Contains(out.String(), want) && command != "version" && command != "man" {
					t.Errorf("the help has no %s", want)
				}
			}
			golden(t, filepath.Join("testdata", "help", strings.TrimSuffix("reindex-"+command, "-")+".txt"), out.Bytes())
		})
	}
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./cmd/reindex -run %s -update writes it", err, t.Name())
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-%s +now; -update takes it over:\n%s", path, diff)
	}
}

// TestScripts runs testdata/script: command lines, their output and status.
// Those named server-* get an alias, a database and an Elasticsearch.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vars := []string{"PATH=" + filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH")}
			if strings.HasPrefix(name, "server-") {
				vars = append(vars, "ELASTICSEARCH_URL="+stacktest.Elasticsearch(t), "DATABASE_URL="+notesDatabase(t, 20),
					"REINDEX_ALIAS="+stacktest.Prefix(t)+"-x")
			}
			testscript.RunT(nested{t}, testscript.Params{
				Files: []string{script}, RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error { e.Vars = append(e.Vars, vars...); return nil },
				Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
			})
		})
	}
}

// nested runs a script in the test that prepared its servers.
type nested struct{ *testing.T }

func (n nested) Run(_ string, f func(testscript.T)) { f(n) }
func (nested) Parallel()                            {}
func (nested) Verbose() bool                        { return testing.Verbose() }

// exits CODE PROGRAM [ARGS...] runs a program and wants its exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS...]")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		code = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit status %d, want %s", code, args[0])
	}
}

// documented are the keys of a summary that other tools may rely on.
const documented = "message_type outcome alias index previous token run_id trigger read acknowledged failed retried documents " +
	"bytes duration_ms docs_per_second snapshot_at error passes changed removed lag_ms guarantee"

func TestJSONLinesOfARun(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 20), notes())
	r := p.succeed(t, "run", "--json", "--trigger", "scheduled")
	if r.stderr != "" {
		t.Errorf("stderr: %s", r.stderr)
	}
	var phases []string
	kinds := map[string]int{}
	for _, line := range r.lines(t) {
		kind, _ := line["message_type"].(string)
		kinds[kind]++
		if kind == "phase" {
			phases = append(phases, fmt.Sprint(line["phase"]))
		}
		if line["alias"] != p.alias {
			t.Errorf("alias %v in %v", line["alias"], line)
		}
	}
	if diff := cmp.Diff(strings.Fields("locked created loading loaded replicating catching-up verified swapping swapped correcting retired released"), phases); diff != "" {
		t.Error(diff)
	}
	if kinds["summary"] != 1 || kinds["progress"] == 0 || len(kinds) != 3 {
		t.Errorf("messages %v", kinds)
	}
	s := r.summary(t)
	for key := range strings.FieldsSeq(documented) {
		if _, there := s[key]; !there {
			t.Errorf("the summary has no %s", key)
		}
	}
	for key, want := range map[string]any{
		"outcome": "swapped", "alias": p.alias, "index": p.alias + "-000001", "previous": "", "token": 1.0, "trigger": "scheduled",
		"read": 20.0, "acknowledged": 20.0, "failed": 0.0, "documents": 20.0, "error": nil,
	} {
		if s[key] != want {
			t.Errorf("%s is %v, want %v", key, s[key], want)
		}
	}
}

func TestJSONLinesOfAFailedRun(t *testing.T) {
	t.Parallel()
	d := notes()
	d.document += " WHERE false"
	p := newProject(t, notesDatabase(t, 20), d)
	r := p.run(t, "run", "--json")
	lines := r.lines(t)
	if r.code != 4 || len(lines) < 2 {
		t.Fatal(r)
	}
	message, s := lines[len(lines)-2], r.summary(t)
	if message["message_type"] != "error" || message["exit_code"] != 4.0 || message["error"] != s["error"] {
		t.Errorf("the line before the summary is %v", message)
	}
	if s["outcome"] != "refused" || s["lag_ms"] != nil || s["guarantee"] != "none" {
		t.Errorf("summary %v", s)
	}
	for key := range strings.FieldsSeq(documented) {
		if _, there := s[key]; !there {
			t.Errorf("the summary has no %s", key)
		}
	}
}

// TestJSONOfACommandThatDoesNotStart: the summary is last, whatever happens.
func TestJSONOfACommandThatDoesNotStart(t *testing.T) {
	t.Parallel()
	good, bad := notes(), notes()
	bad.more = "load: { workers: many }\n"
	for _, test := range []struct {
		name string
		d    definition
		args []string
		says string // part of the error
	}{
		{"a mistake in the configuration", bad, []string{"run", "--json", "--trigger", "restart"}, "load.workers"},
		{"a mistake in the command line", good, []string{"run", "--json", "--trigger", "restart", "--forse"}, "--forse"},
		{"a file that cannot be made", good, []string{"run", "--json", "--trigger", "restart", "--failures-file", "no/such/file"}, "load.failures_file"},
		{"a comparison with a mistake in the configuration", bad, []string{"verify", "--json"}, "load.workers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "postgres://localhost/x", test.d)
			r := p.run(t, test.args...)
			lines := r.lines(t)
			if len(lines) != 2 || lines[0]["message_type"] != "error" || r.stderr != "" {
				t.Fatal(r)
			}
			s := r.summary(t)
			if s["outcome"] != "failed" || s["error"] != lines[0]["error"] || !strings.Contains(fmt.Sprint(s["error"]), test.says) {
				t.Errorf("summary %v", s)
			}
			if test.args[0] == "run" {
				hasKeys(t, s, documented)
				if s["trigger"] != "restart" || s["guarantee"] != "none" {
					t.Errorf("summary %v", s)
				}
			}
		})
	}
}

func TestStatusAsJSON(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 20), notes())
	before := parseObject(t, p.succeed(t, "status", "--json").stdout)
	if before["live"] != nil || object(t, before["lock"])["state"] != "free" || len(before["generations"].([]any)) != 0 { //nolint:forcetypeassert // a test
		t.Errorf("before the first run: %v", before)
	}
	s := p.rebuild(t)
	after := parseObject(t, p.succeed(t, "status", "--json").stdout)
	live, lock := object(t, after["live"]), object(t, after["lock"])
	hasKeys(t, after, "alias live lock generations")
	hasKeys(t, live, "index documents token swapped_at")
	hasKeys(t, lock, "state token holder since renewed_at")
	hasKeys(t, object(t, lock["holder"]), "host pid run_id trigger")
	if live["index"] != s["index"] || fmt.Sprint(live["documents"]) != "20" || live["swapped_at"] == nil || lock["state"] != "free" {
		t.Errorf("after the first run: %v", after)
	}
	generations, _ := after["generations"].([]any)
	if len(generations) != 1 {
		t.Fatalf("generations %v", generations)
	}
	g := object(t, generations[0])
	hasKeys(t, g, "index token state documents created_at")
	if g["state"] != "live" || g["index"] != s["index"] {
		t.Errorf("generation %v", g)
	}
}

func object(t *testing.T, v any) map[string]any {
	t.Helper()
	o, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%v is no object", v)
	}
	return o
}

func hasKeys(t *testing.T, o map[string]any, keys string) {
	t.Helper()
	for key := range strings.FieldsSeq(keys) {
		if _, there := o[key]; !there {
			t.Errorf("no %s among %v", key, slices.Sorted(maps.Keys(o)))
		}
	}
}

// The flags of settings are strings without a default of their own, so their
// help says what internal/config takes.
func TestHelpNamesTheDefaultsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	help, err := os.ReadFile("testdata/help/reindex-run.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, flags, _ := strings.Cut(string(help), "\nFlags:\n")
	for flag, field := range map[string]string{
		"retry-for": "load.retry_for", "max-failures": "load.max_failures", "workers": "load.workers", "batch-bytes": "load.batch_bytes",
		"max-shrink": "gates.max_shrink", "min-documents": "gates.min_documents", "keep": "index.keep", "catch-up": "catch_up",
	} {
		want := fmt.Sprintf("(default %s)\n", config.Default(field))
		_, after, _ := strings.Cut(flags, "--"+flag+" ")
		if line, _, _ := strings.Cut(after, "\n"); !strings.HasSuffix(line+"\n", want) {
			t.Errorf("--%s: %s, want it to end in %s", flag, strings.TrimSpace(line), want)
		}
	}
}
