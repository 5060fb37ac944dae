package devstack

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// postgresBin returns the folder with initdb and postgres: the one on PATH, or
// the newest version in the folders of the usual packages.
func postgresBin() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(target), nil
		}
	}
	newest, version := "", -1
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern) // fails on a malformed pattern only
		for _, dir := range found {
			if v := postgresVersion(dir); v > version {
				newest, version = dir, v
			}
		}
	}
	if newest == "" {
		return "", exec.ErrNotFound
	}
	return newest, nil
}

// postgresVersion reads the major version off a folder such as
// /usr/lib/postgresql/17/bin; a client-only installation, which has no initdb,
// counts as none.
func postgresVersion(bin string) int {
	if _, err := os.Stat(filepath.Join(bin, "initdb")); err != nil {
		return -1
	}
	digits := regexp.MustCompile(`[0-9]+`).FindString(bin)
	version, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return version
}
