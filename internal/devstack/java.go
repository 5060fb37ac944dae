package devstack

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// errNoJava says that no installed Java is of a fitting version.
var errNoJava = errors.New("no fitting Java is installed")

// javaHome returns the home of an installed Java of version lowest to highest.
// What the environment names comes first, then PATH, then the usual folders.
func javaHome(lowest, highest int) (string, error) {
	for _, home := range javaHomes() {
		if v, err := javaVersion(home); err == nil && v >= lowest && v <= highest {
			return home, nil
		}
	}
	return "", errNoJava
}

func javaHomes() []string {
	homes := []string{os.Getenv("ES_JAVA_HOME"), os.Getenv("JAVA_HOME")}
	if java, err := exec.LookPath("java"); err == nil {
		if target, err := filepath.EvalSymlinks(java); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(target)))
		}
	}
	for _, pattern := range []string{"/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home"} {
		found, _ := filepath.Glob(pattern) // fails on a malformed pattern only
		homes = append(homes, found...)
	}
	return slices.DeleteFunc(homes, func(home string) bool { return home == "" })
}

// javaVersion reads the major version from the file "release", which every
// Java since 9 has in its home, so that no JVM is started to ask.
func javaVersion(home string) (int, error) {
	f, err := os.Open(filepath.Join(home, "release")) //nolint:gosec // G304: a fixed name in a Java home
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "JAVA_VERSION="); ok {
			major, _, _ := strings.Cut(strings.Trim(value, `"`), ".")
			return strconv.Atoi(major)
		}
	}
	return 0, errors.Join(errNoJava, lines.Err())
}
