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

// artifact is an archive in Maven's repositories, as configured on this
// machine, whose checksum is pinned in this package.
type artifact struct {
	what        string // for people, such as "Elasticsearch 8.19.7"
	coordinates string // group:artifact:version[:packaging]
	file        string // the name under which Maven stores it
	sha256      string // of the file, in hex
}

// cached says whether the cache has the archive.
func (a artifact) cached() bool {
	_, err := os.Stat(filepath.Join(cacheDir(), a.file))
	return err == nil
}

// lacking lists what is needed to fetch the archive: nothing once the cache has it.
func (a artifact) lacking() []Program {
	if _, err := exec.LookPath("mvn"); err == nil || a.cached() {
		return nil
	}
	return []Program{{Name: "Maven (fetches the servers)", Packages: []string{"maven"}}}
}

// unpacked returns the folder that unpack made of the archive. The first caller
// fetches and unpacks it; callers in other processes wait meanwhile. unpack
// writes to the folder home only, and leaves it complete or absent.
func (a artifact) unpacked(ctx context.Context, name string, unpack func(ctx context.Context, archive, home string) error) (string, error) {
	dir, err := makeCacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, filepath.Join(dir, name+".lock"))
	if err != nil {
		return "", fmt.Errorf("lock the cache of %s: %w", a.what, err)
	}
	defer unlock()

	archive := filepath.Join(dir, a.file)
	if err := a.fetch(ctx, archive); err != nil {
		return "", err
	}
	if err := a.verify(archive); err != nil {
		return "", err
	}
	// The checksum in the name ties the folder to the archive it came from.
	home := filepath.Join(dir, name+"-"+a.sha256[:12])
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	return home, unpack(ctx, archive, home)
}

// fetch copies the archive to the file named; it does nothing if the file is there.
func (a artifact) fetch(ctx context.Context, archive string) error {
	if _, err := os.Stat(archive); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(archive), ".fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy", "-Dartifact="+a.coordinates, "-DoutputDirectory="+tmp) //nolint:gosec // G204: pinned coordinates
	cmd.Dir = tmp                                                                                                                // away from any pom.xml
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch %s with Maven: %w\n%s", a.coordinates, err, strings.TrimSpace(string(out)))
	}
	got := filepath.Join(tmp, a.file)
	if err := a.verify(got); err != nil {
		return err
	}
	return os.Rename(got, archive)
}

// verify compares an archive with the pinned checksum.
func (a artifact) verify(archive string) error {
	f, err := os.Open(archive) //nolint:gosec // G304: a file of the cache
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return fmt.Errorf("read %s: %w", archive, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != a.sha256 {
		return fmt.Errorf("%s has sha-256 %s, want %s: delete it to fetch it again", archive, got, a.sha256)
	}
	return nil
}
