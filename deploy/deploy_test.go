// Package deploy holds examples of how to run the program, and tests that they
// name only what there is.
package deploy

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"example.com/reindex/internal/programtest"
)

// binary is the program that the examples start.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "reindex-deploy-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if binary, err = programtest.Build(dir); err != nil {
		panic(err)
	}
	m.Run() // the process ends with its result
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// help is what `reindex args --help` prints.
func help(t *testing.T, args ...string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), binary, append(args, "--help")...).Output()
	if err != nil {
		t.Fatalf("reindex %s --help: %v", strings.Join(args, " "), err)
	}
	return string(text)
}

// understood wants that the program has the command and every flag of a
// command line, which starts after "reindex".
func understood(t *testing.T, args []string) {
	t.Helper()
	commands := regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`).FindAllStringSubmatch(help(t), -1)
	if !slices.ContainsFunc(commands, func(c []string) bool { return c[1] == args[0] }) {
		t.Fatalf("reindex %s: there is no such command", args[0])
	}
	text := help(t, args[0])
	for _, arg := range args[1:] {
		if flag, _, _ := strings.Cut(arg, "="); strings.HasPrefix(flag, "--") && !regexp.MustCompile(regexp.QuoteMeta(flag)+`\b`).MatchString(text) {
			t.Errorf("reindex %s has no flag %s", args[0], flag)
		}
	}
}

// statuses are the exit statuses that the program documents.
func statuses(t *testing.T) map[int]bool {
	t.Helper()
	_, table, ok := strings.Cut(help(t), "Exit status:")
	if !ok {
		t.Fatal("--help has no table of exit statuses")
	}
	found := map[int]bool{}
	for _, match := range regexp.MustCompile(`(?m)(?:^ +|, )(\d{1,3}) `).FindAllStringSubmatch(table, -1) {
		status, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		found[status] = true
	}
	for _, want := range []int{0, 1, 11, 13, 130, 143} {
		if !found[want] {
			t.Fatalf("--help documents %v, not %d", slices.Sorted(maps.Keys(found)), want)
		}
	}
	return found
}

func TestCommandLinesOfAllExamples(t *testing.T) {
	t.Parallel()
	line := regexp.MustCompile(`reindex ((?:run|status|check|init|history|prune|rollback|unlock|verify|serve)\b[^;)>|\n#]*)`)
	for _, name := range []string{
		"reindex.cron", "compose.yaml", "systemd/reindex.service", "systemd/reindex-restart.service",
		"systemd/reindex-serve.service", "kubernetes/serve.yaml", "postgresql-role.sql", "../docs/operations.md", "../docs/serve.md",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := line.FindAllStringSubmatch(read(t, name), -1)
			if len(found) == 0 {
				t.Error("starts nothing")
			}
			for _, match := range found {
				command, _, _ := strings.Cut(match[1], "`")
				understood(t, strings.Fields(command))
			}
		})
	}
}

func TestVariablesOfAllExamples(t *testing.T) {
	t.Parallel()
	known := read(t, "../README.md")
	variable := regexp.MustCompile(`\b(?:ELASTICSEARCH|DATABASE|REINDEX)_[A-Z_]+\b`)
	for _, name := range []string{
		"reindex.cron", "compose.yaml", "kubernetes/cronjob.yaml", "kubernetes/serve.yaml",
		"systemd/reindex.service", "systemd/reindex-restart.service", "systemd/reindex-serve.service",
	} {
		for _, found := range variable.FindAllString(read(t, name), -1) {
			if !strings.Contains(known, "`"+strings.TrimSuffix(found, "_FILE")+"`") {
				t.Errorf("%s: the README knows no variable %s", name, found)
			}
		}
	}
}

// cronJob is what the test looks at; a misspelt key is found by what is
// missing then.
type cronJob struct {
	Spec struct {
		Schedule          string
		ConcurrencyPolicy string `yaml:"concurrencyPolicy"`
		JobTemplate       struct {
			Spec struct {
				PodFailurePolicy struct {
					Rules []struct {
						Action      string
						OnExitCodes struct {
							ContainerName string `yaml:"containerName"`
							Operator      string
							Values        []int
						} `yaml:"onExitCodes"`
					}
				} `yaml:"podFailurePolicy"`
				Template struct {
					Spec struct {
						RestartPolicy string `yaml:"restartPolicy"`
						Grace         int    `yaml:"terminationGracePeriodSeconds"`
						Containers    []struct {
							Name string
							Args []string
						}
					}
				}
			}
		} `yaml:"jobTemplate"`
	}
}

func TestCronJob(t *testing.T) {
	t.Parallel()
	var job cronJob
	if err := yaml.Unmarshal([]byte(read(t, "kubernetes/cronjob.yaml")), &job); err != nil {
		t.Fatal(err)
	}
	spec := job.Spec.JobTemplate.Spec
	pod := spec.Template.Spec
	if job.Spec.ConcurrencyPolicy != "Forbid" || job.Spec.Schedule == "" || pod.RestartPolicy != "Never" || pod.Grace != 30 || len(pod.Containers) != 1 {
		t.Fatalf("got %+v", job)
	}
	understood(t, pod.Containers[0].Args)
	// Every status but success is decided on, once.
	documented := statuses(t)
	delete(documented, 0)
	for _, rule := range spec.PodFailurePolicy.Rules {
		codes := rule.OnExitCodes
		if !slices.Contains([]string{"Ignore", "FailJob", "Count"}, rule.Action) {
			t.Errorf("there is no action %q", rule.Action)
		}
		if len(codes.Values) > 0 && (codes.Operator != "In" || codes.ContainerName != pod.Containers[0].Name) {
			t.Errorf("rule %+v fits no container", rule)
		}
		for _, status := range codes.Values {
			if status != 137 && !documented[status] { // 137: SIGKILL
				t.Errorf("status %d is decided on twice, or is none of the program's", status)
			}
			delete(documented, status)
		}
	}
	if len(documented) > 0 {
		t.Errorf("no rule for the statuses %v", slices.Sorted(maps.Keys(documented)))
	}
}

func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"systemd/reindex.service", "systemd/reindex-restart.service"} {
		match := regexp.MustCompile(`(?m)^SuccessExitStatus=(\d+)$`).FindStringSubmatch(read(t, name))
		if match == nil || match[1] != "11" || !statuses(t)[11] {
			t.Errorf("%s: another run at work is no success: %v", name, match)
		}
	}
	if timer := read(t, "systemd/reindex.timer"); !strings.Contains(timer, "01:29:00\n") || !strings.Contains(timer, "\nPersistent=true\n") {
		t.Errorf("the timer is not at 01:29, or not persistent:\n%s", timer)
	}
	verifyUnits(t)
}

// verifyUnits asks systemd itself, with a program where the units look for it.
func verifyUnits(t *testing.T) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed, so the keys of the units were not checked")
	}
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"reindex.service", "reindex-restart.service", "reindex-serve.service", "reindex.timer"} {
		text := strings.ReplaceAll(read(t, filepath.Join("systemd", name)), "/usr/local/bin/reindex", binary)
		unit := filepath.Join(dir, name)
		if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
	}
	out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "reindex") { // the rest is about units of this machine
			t.Error(line)
		}
	}
	if err != nil {
		t.Logf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// What can be checked of a Dockerfile without building it.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	text := read(t, "Dockerfile")
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if goVersion == nil || !strings.Contains(text, "golang:"+goVersion[1]+" AS build") {
		t.Errorf("the image is built with another Go than go.mod asks for: %v", goVersion)
	}
	_, last, ok := strings.Cut(text, "FROM scratch\n")
	if !ok || strings.Contains(last, "\nRUN ") || !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(last) {
		t.Errorf("the last stage is not scratch with a user other than root:\n%s", last)
	}
	known := regexp.MustCompile(`^(FROM|ARG|WORKDIR|COPY|RUN|USER|STOPSIGNAL|ENTRYPOINT|CMD) `)
	continued := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !continued && !known.MatchString(line) {
			t.Errorf("not an instruction: %s", line)
		}
		continued = strings.HasSuffix(line, `\`)
	}
}

// Whatever the program imports must be let through to the build.
func TestDockerignoreLetsTheWholeProgramIn(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}", "../cmd/reindex").Output()
	if err != nil {
		t.Fatal(err)
	}
	ignored := read(t, "Dockerfile.dockerignore")
	for pkg := range strings.FieldsSeq(string(out)) {
		folder, _, _ := strings.Cut(strings.TrimPrefix(pkg, "example.com/reindex/"), "/")
		if !strings.Contains(ignored, "\n!"+folder+"\n") {
			t.Errorf("package %s is kept out of the build", pkg)
		}
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	var stack struct {
		Services map[string]struct {
			Image, Build any
			Command      []string
			Volumes      []string
			Configs      []struct{ Source string }
			DependsOn    map[string]any `yaml:"depends_on"`
		}
		Configs, Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &stack); err != nil {
		t.Fatal(err)
	}
	for name, service := range stack.Services {
		if service.Image == nil && service.Build == nil {
			t.Errorf("service %s has neither image nor build", name)
		}
		for other := range service.DependsOn {
			if _, ok := stack.Services[other]; !ok {
				t.Errorf("service %s depends on %s, which is none", name, other)
			}
		}
		for _, volume := range service.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if _, named := stack.Volumes[from]; !named {
				if _, err := os.Stat(from); err != nil {
					t.Errorf("service %s mounts what is not there: %v", name, err)
				}
			}
		}
		for _, config := range service.Configs {
			if _, ok := stack.Configs[config.Source]; !ok {
				t.Errorf("service %s uses config %s, which is none", name, config.Source)
			}
		}
	}
	understood(t, stack.Services["reindex"].Command)
	understood(t, stack.Services["serve"].Command)
}

func TestCIExampleUsesTargetsThatExist(t *testing.T) {
	t.Parallel()
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Run, Uses string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "ci-example.yml")), &workflow); err != nil {
		t.Fatal(err)
	}
	makefile := read(t, "../Makefile")
	commands := 0
	for _, job := range workflow.Jobs {
		for _, step := range job.Steps {
			commands++
			if target, ok := strings.CutPrefix(step.Run, "make "); ok && !strings.Contains(makefile, "\n"+target+":") {
				t.Errorf("there is no target %s", target)
			}
			if script, ok := strings.CutPrefix(step.Run, "deploy/"); ok {
				read(t, script)
			}
		}
	}
	if commands < 6 {
		t.Errorf("only %d steps", commands)
	}
}

func TestCrontabLinesHaveAllFields(t *testing.T) {
	t.Parallel()
	entry := regexp.MustCompile(`^(?:\S+ +\S+ +\S+ +\S+ +\S+|@reboot) +reindex +\S`)
	entries := 0
	for line := range strings.Lines(read(t, "reindex.cron")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || regexp.MustCompile(`^[A-Z_]+=\S`).MatchString(line) {
			continue
		}
		entries++
		if !entry.MatchString(line) {
			t.Errorf("no crontab entry: %s", line)
		}
		if strings.Contains(line, "%") {
			t.Errorf("cron turns %% into a new line: %s", line)
		}
	}
	if entries != 3 {
		t.Errorf("%d entries, want 3", entries)
	}
}

// cron mails what a line prints: nothing for a swap or for another run at work.
func TestCrontabLinesPrintWhatAPersonShouldSee(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := regexp.MustCompile(`(?m)^29 1 \* \* \* reindex (.+)$`).FindStringSubmatch(read(t, "reindex.cron"))
	if line == nil {
		t.Fatal("there is no line for the night")
	}
	for status, mailed := range map[int]bool{0: false, 11: false, 1: true, 10: true, 137: true} {
		stub := fmt.Sprintf("#!/bin/sh\necho how it ended\nexit %d\n", status)
		if err := os.WriteFile(filepath.Join(dir, "reindex"), []byte(stub), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", line[1])
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil || (len(out) > 0) != mailed || strings.Contains(string(out), fmt.Sprintf("how it ended\nexit status %d\n", status)) != mailed {
			t.Errorf("status %d: %v, prints %q, want mail: %t", status, err, out, mailed)
		}
	}
}
