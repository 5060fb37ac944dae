package devstack

import (
	"context"
	"fmt"
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
	version          string
	sha256           string // of the zip
	minJava, maxJava int
	javaPackages     []string // of Debian and Ubuntu, the preferred one first
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
			minJava: 17, maxJava: 25, javaPackages: []string{"openjdk-21-jre-headless", "openjdk-17-jre-headless"},
		}, nil
	case Version8x:
		return distribution{
			version: Version8x, sha256: "97233f3c34721fde97b81c65fe83a8b78410a85f66ad7b0989d2fa063a50f862",
			minJava: 17, maxJava: 21, javaPackages: []string{"openjdk-21-jre-headless", "openjdk-17-jre-headless"},
		}, nil
	case Version9:
		return distribution{
			version: Version9, sha256: "bf44938a0490ba2a303d39c9cb64b38963dd08c812ce93e10816e878585bcb6b",
			minJava: 21, maxJava: 25, javaPackages: []string{"openjdk-21-jre-headless", "openjdk-25-jre-headless"},
		}, nil
	}
	return distribution{}, fmt.Errorf("elasticsearch %s: no checksum pinned; known are %s, %s and %s", version, Version8, Version8x, Version9)
}

func (d distribution) name() string { return "elasticsearch-" + d.version }

// java returns the home of a Java that this version runs on.
func (d distribution) java() (string, error) { return javaHome(d.minJava, d.maxJava) }

// archive is where the distribution comes from.
func (d distribution) archive() artifact {
	return artifact{
		what:        "Elasticsearch " + d.version,
		coordinates: "org.elasticsearch.distribution.integ-test-zip:elasticsearch:" + d.version + ":zip",
		file:        d.name() + ".zip",
		sha256:      d.sha256,
	}
}

// lacking lists what has to be installed before this version can start.
func (d distribution) lacking() []Program {
	var programs []Program
	if _, err := d.java(); err != nil {
		programs = append(programs, Program{
			Name:     fmt.Sprintf("Java %d to %d (for Elasticsearch %s)", d.minJava, d.maxJava, d.version),
			Packages: d.javaPackages,
		})
	}
	return append(programs, d.archive().lacking()...)
}

// home returns the folder of the unpacked distribution, fetching it first if
// the cache does not have it. The folder is shared: nothing may be written to it.
func (d distribution) home(ctx context.Context) (string, error) {
	return d.archive().unpacked(ctx, d.name(), func(_ context.Context, archive, home string) error {
		return unpackZip(archive, d.name(), home)
	})
}
