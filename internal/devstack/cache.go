package devstack

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cacheDir is outside every checkout, so that all of them share it. Root's
// servers run as another user, who could not enter /root/.cache.
func cacheDir() string {
	const name = "reindex-devstack"
	if os.Getuid() == 0 {
		return filepath.Join("/var/cache", name)
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, name)
	}
	return filepath.Join(os.TempDir(), name)
}

func makeCacheDir() (string, error) {
	dir := cacheDir()
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: the servers' user must pass
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	return dir, nil
}

// lockFile takes an exclusive lock that ends with the process at the latest.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // G304: a file of the cache
	if err != nil {
		return nil, err
	}
	err = poll(ctx, 100*time.Millisecond, func(context.Context) (bool, error) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives the lock up
}

// unpackZip extracts the folder root of a zip to the path home. It appears there
// complete or not at all.
func unpackZip(archive, root, home string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", archive, err)
	}
	defer r.Close()
	tmp, err := os.MkdirTemp(filepath.Dir(home), ".unpack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.CopyFS(tmp, r); err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	// The zip carries no modes, so what is to be executed is not executable.
	programs, _ := filepath.Glob(filepath.Join(tmp, root, "bin", "*")) // fails on a malformed pattern only
	for _, program := range programs {
		if err := os.Chmod(program, 0o755); err != nil { //nolint:gosec // G302: the servers' user runs it
			return err
		}
	}
	return os.Rename(filepath.Join(tmp, root), home)
}

// unpackJar extracts the one tar archive in a jar, compressed by xz, to the path
// home. It appears there complete or not at all. The program tar does it, because
// Go's library has no xz.
func unpackJar(ctx context.Context, archive, home string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", archive, err)
	}
	defer r.Close()
	for _, f := range r.File {
		if strings.HasSuffix(f.Name, ".txz") {
			return unpackTar(ctx, f, home)
		}
	}
	return fmt.Errorf("%s holds no .txz", archive)
}

func unpackTar(ctx context.Context, f *zip.File, home string) error {
	content, err := f.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	tmp, err := os.MkdirTemp(filepath.Dir(home), ".unpack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	// Not as the archive's owner, who is nobody on this machine.
	cmd := exec.CommandContext(ctx, "tar", "-xJf", "-", "--no-same-owner", "-C", tmp) //nolint:gosec // G204: a folder made here
	cmd.Stdin = content
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w\n%s", f.Name, err, strings.TrimSpace(string(out)))
	}
	if err := os.Chmod(tmp, 0o755); err != nil { //nolint:gosec // G302: the servers' user must pass
		return err
	}
	return os.Rename(tmp, home)
}
