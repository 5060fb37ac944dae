package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/persons"
	"example.com/reindex/internal/programtest"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "reindex-compat-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if binary, err = programtest.Build(dir); err != nil {
		panic(err)
	}
	m.Run() // the process ends with its result
}

// site is a folder with the persons example, and the environment in which the
// program runs there. Whatever the program shows is searched for the secrets.
type site struct {
	dir     string
	env     map[string]string
	secrets []string
}

func newSite(t *testing.T, env map[string]string, secrets ...string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), env: env, secrets: secrets}
	if err := os.CopyFS(s.dir, persons.Files()); err != nil {
		t.Fatal(err)
	}
	return s
}

// with is the same site with other variables; "" takes one away.
func (s *site) with(pairs ...string) *site {
	other := &site{dir: s.dir, env: maps.Clone(s.env), secrets: s.secrets}
	for i := 0; i < len(pairs); i += 2 {
		other.env[pairs[i]] = pairs[i+1]
	}
	return other
}

// result is what a run of the program left behind.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("exit status %d\nstdout:\n%s\nstderr:\n%s", r.code, r.stdout, r.stderr)
}

// process is a run of the program that may not have ended yet.
type process struct {
	*programtest.Process
	site      *site
	command   string
	arguments string // as every user of the machine can read them
}

func (s *site) start(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = s.dir, programtest.Environment()
	for name, value := range s.env {
		if value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	started, err := programtest.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(started.Kill)
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", started.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return &process{Process: started, site: s, command: strings.Join(args, " "), arguments: string(arguments)}
}

// end waits for the process and searches what it showed for secrets.
func (p *process) end(t *testing.T) result {
	t.Helper()
	status, _ := p.Wait() // the test sees the status of one that did not end
	r := result{code: status, stdout: p.Stdout(), stderr: p.Stderr()}
	p.site.keeps(t, "the output stream of "+p.command, r.stdout)
	p.site.keeps(t, "the error stream of "+p.command, r.stderr)
	p.site.keeps(t, "the arguments of "+p.command, p.arguments)
	return r
}

// keeps wants that text holds no secret.
func (s *site) keeps(t *testing.T, what, text string) {
	t.Helper()
	for i, secret := range s.secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s holds secret %d (%s):\n%s", what, i, secret, text)
		}
	}
}

func (s *site) run(t *testing.T, args ...string) result {
	t.Helper()
	return s.start(t, args...).end(t)
}

// succeed wants exit status 0.
func (s *site) succeed(t *testing.T, args ...string) result {
	t.Helper()
	r := s.run(t, args...)
	if r.code != 0 {
		t.Fatalf("reindex %s: %s", strings.Join(args, " "), r)
	}
	return r
}

// fail wants an exit status and all texts on the error or output stream.
func (s *site) fail(t *testing.T, code int, says []string, args ...string) {
	t.Helper()
	r := s.run(t, args...)
	if r.code != code {
		t.Errorf("reindex %s: want exit status %d: %s", strings.Join(args, " "), code, r)
	}
	for _, text := range says {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("reindex %s does not say %q: %s", strings.Join(args, " "), text, r)
		}
	}
}

// summary is the last line of --json.
func (r result) summary(t *testing.T) map[string]any {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var summary map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil {
		t.Fatalf("%v in %s", err, r)
	}
	return summary
}

// live is the index that status shows behind the alias.
func (s *site) live(t *testing.T) string {
	t.Helper()
	var status struct{ Live struct{ Index string } }
	if err := json.Unmarshal([]byte(s.succeed(t, "status", "--json").stdout), &status); err != nil {
		t.Fatal(err)
	}
	return status.Live.Index
}

// fill makes the tables of the persons example with n people.
func fill(t *testing.T, url string, n int) {
	t.Helper()
	conn := connect(t, url)
	if err := persons.Seed(t.Context(), conn, n); err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may have ended it
	return conn
}

// sql runs statements on a connection of its own.
func sql(t *testing.T, url, statements string) {
	t.Helper()
	if _, err := connect(t, url).PgConn().Exec(t.Context(), statements).ReadAll(); err != nil {
		t.Fatalf("%v in %s", err, statements)
	}
}

// write makes a file that only its owner can read, and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// deployed is a file of deploy/ as it stands.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
