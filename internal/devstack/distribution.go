package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Versions of Elasticsearch that can be started.
const (
	Version8  = "8.19.7" // the default
	Version8x = "8.11.0" // the oldest supported
	Version9  = "9.2.0"
)

// distribution is one version as its makers publish it for integration tests:
// the server without its optional modules and without a Java.
type distribution struct {
	version           string
	sha256            string // of the zip
	minJava, maxJava  int
	javaPackage, note string
}

// distributionOf returns the pinned facts of a version. The checksums were
// taken from the artifact org.elasticsearch.distribution.integ-test-zip; the
// Java limits are those of Elastic's support matrix (8.11 needs the security
// manager, which Java 24 has removed).
func distributionOf(version string) (distribution, error) {
	switch version {
	case Version8, "":
		return distribution{
			version: Version8, sha256: "cb7f86fb6e68e85ef6f531ae5c68458ecfe42371150403b22b2ed21381581cbb",
			minJava: 17, maxJava: 25, javaPackage: "openjdk-17-jre-headless",
		}, nil
	case Version8x:
		return distribution{
			version: Version8x, sha256: "97233f3c34721fde97b81c65fe83a8b78410a85f66ad7b0989d2fa063a50f862",
			minJava: 17, maxJava: 21, javaPackage: "openjdk-17-jre-headless",
		}, nil
	case Version9:
		return distribution{
			version: Version9, sha256: "bf44938a0490ba2a303d39c9cb64b38963dd08c812ce93e10816e878585bcb6b",
			minJava: 21, maxJava: 25, javaPackage: "openjdk-21-jre-headless", note: ", or any later Java in /usr/lib/jvm",
		}, nil
	}
	return distribution{}, fmt.Errorf("elasticsearch %s: no checksum pinned; known are %s, %s and %s", version, Version8, Version8x, Version9)
}

func (d distribution) name() string { return "elasticsearch-" + d.version }

// java returns the home of a Java that this version runs on.
func (d distribution) java() (string, error) { return javaHome(d.minJava, d.maxJava) }

// lacking lists what has to be installed before this version can start. Maven
// is needed only as long as the distribution is not in the cache.
func (d distribution) lacking() []Program {
	var programs []Program
	if _, err := d.java(); err != nil {
		programs = append(programs, Program{
			Name:    fmt.Sprintf("Java %d to %d (for Elasticsearch %s)", d.minJava, d.maxJava, d.version),
			Install: "apt-get install " + d.javaPackage + d.note,
		})
	}
	if _, err := os.Stat(filepath.Join(cacheDir(), d.name()+".zip")); err == nil {
		return programs
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		programs = append(programs, Program{Name: "Maven (fetches Elasticsearch)", Install: "apt-get install maven"})
	}
	return programs
}

// home returns the folder of the unpacked distribution, fetching it first if
// the cache does not have it. The folder is shared: nothing may be written to
// it. Concurrent callers, also in other processes, wait for each other.
func (d distribution) home(ctx context.Context) (string, error) {
	dir, err := makeCacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, filepath.Join(dir, d.name()+".lock"))
	if err != nil {
		return "", fmt.Errorf("lock the cache of %s: %w", d.name(), err)
	}
	defer unlock()

	zip := filepath.Join(dir, d.name()+".zip")
	if err := d.fetch(ctx, zip); err != nil {
		return "", err
	}
	if err := d.verify(zip); err != nil {
		return "", err
	}
	// The checksum in the name ties the folder to the zip it came from.
	home := filepath.Join(dir, d.name()+"-"+d.sha256[:12])
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	return home, unpack(zip, d.name(), home)
}

// fetch copies the zip from Maven's repositories, as configured on this
// machine, to the file named; it does nothing if the file is there.
func (d distribution) fetch(ctx context.Context, zip string) error {
	if _, err := os.Stat(zip); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(zip), ".fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	artifact := "org.elasticsearch.distribution.integ-test-zip:elasticsearch:" + d.version + ":zip"
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy", "-Dartifact="+artifact, "-DoutputDirectory="+tmp) //nolint:gosec // G204: a pinned version
	cmd.Dir = tmp                                                                                                           // away from any pom.xml
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch %s with Maven: %w\n%s", artifact, err, strings.TrimSpace(string(out)))
	}
	got := filepath.Join(tmp, d.name()+".zip")
	if err := d.verify(got); err != nil {
		return err
	}
	return os.Rename(got, zip)
}

// verify compares a zip with the pinned checksum.
func (d distribution) verify(zip string) error {
	f, err := os.Open(zip) //nolint:gosec // G304: a file of the cache
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return fmt.Errorf("read %s: %w", zip, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != d.sha256 {
		return fmt.Errorf("%s has sha-256 %s, want %s: delete it to fetch it again", zip, got, d.sha256)
	}
	return nil
}
