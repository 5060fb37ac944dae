package devstack

import (
	"archive/zip"
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMissingListsEverythingOnce(t *testing.T) {
	t.Parallel()
	got := missing([]Program{
		{Name: "Maven", Packages: []string{"maven"}},
		{Name: "Java 17 to 25", Packages: []string{"openjdk-21-jre-headless", "openjdk-17-jre-headless"}},
		{Name: "Maven", Packages: []string{"maven"}},
	}).Error()
	want := `this machine lacks what the servers need (.ci/setup installs it):
  Maven: apt-get install maven
  Java 17 to 25: apt-get install openjdk-21-jre-headless, or openjdk-17-jre-headless`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDistribution(t *testing.T) {
	t.Parallel()
	t.Run("without a pinned checksum is refused", func(t *testing.T) {
		t.Parallel()
		if _, err := distributionOf("7.0.0"); err == nil {
			t.Error("distributionOf(7.0.0) succeeded")
		}
	})
	t.Run("with another checksum is refused", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "changed.zip")
		writeZip(t, path, "elasticsearch-8.19.7/bin/elasticsearch")
		d, err := distributionOf(Version8)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.archive().verify(path); err == nil || !strings.Contains(err.Error(), "delete it to fetch it again") {
			t.Errorf("verify = %v, want a refusal that says what to do", err)
		}
	})
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	t.Run("leaves a complete folder with executable programs", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		archive, home := filepath.Join(dir, "a.zip"), filepath.Join(dir, "home")
		writeZip(t, archive, "root/bin/program", "root/lib/a.jar")
		if err := unpackZip(archive, "root", home); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(home, "bin", "program"))
		if err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("program: %v, %v; want mode 0755", info, err)
		}
		left, err := filepath.Glob(filepath.Join(dir, ".unpack-*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left behind %v, %v", left, err)
		}
	})
	t.Run("never writes outside its folder", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		archive := filepath.Join(dir, "sub", "a.zip")
		if err := os.Mkdir(filepath.Dir(archive), 0o755); err != nil {
			t.Fatal(err)
		}
		writeZip(t, archive, "../../escaped")
		if err := unpackZip(archive, "root", filepath.Join(dir, "sub", "home")); err == nil {
			t.Error("unpackZip took a name that leads out")
		}
		if _, err := os.Stat(filepath.Join(dir, "escaped")); err == nil {
			t.Error("a file was written outside the folder")
		}
	})
}

func writeZip(t *testing.T, path string, names ...string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	for _, name := range names {
		entry, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLockFileKeepsASecondCallerOut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lockFile(ended, path); err == nil {
		t.Error("two callers hold one lock")
	}
	unlock()
	again, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatalf("lock after unlock: %v", err)
	}
	again()
}

func TestJavaVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.15\"\n": 17,
		"JAVA_VERSION=\"25\"\n":                         25,
		"OS_NAME=\"Linux\"\n":                           0,
	} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "release"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := javaVersion(home); got != want || (err == nil) != (want > 0) {
			t.Errorf("javaVersion(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestCertificatesVerifyForLoopback(t *testing.T) {
	t.Parallel()
	access, err := newAccess(&Security{})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(access.files[caFile]))
	for _, name := range []string{"127.0.0.1", "localhost"} {
		if _, err := access.node.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUserFiles(t *testing.T) {
	t.Parallel()
	users := []User{{Name: "ann", Password: "secret1", Roles: []string{"reader", "writer"}}, {Name: "bob", Password: "secret2", Roles: []string{"reader"}}}
	if diff := cmp.Diff("reader:ann,bob\nwriter:ann\n", usersRolesFile(users)); diff != "" {
		t.Error(diff)
	}
	got, err := usersFile(users)
	if err != nil {
		t.Fatal(err)
	}
	if want := regexp.MustCompile(`^ann:\{PBKDF2\}1000\$[^$\n]{44}\$[^$\n]{44}\nbob:`); !want.MatchString(got) {
		t.Errorf("usersFile = %q, want %s", got, want)
	}
}

func TestFreePortsAreDifferent(t *testing.T) {
	t.Parallel()
	ports, err := freePorts(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] || p < firstPort || p >= lastPort {
			t.Errorf("port %d twice or out of range in %v", p, ports)
		}
		seen[p] = true
	}
}
