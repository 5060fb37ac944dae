#!/usr/bin/env bash
# Runs the tests that use PostgreSQL most, those of every command among them, on other versions of it:
#   internal/compat/postgres-versions.sh [VERSION...]
# Not part of CI, because they take two minutes a version. CI runs TestPostgresVersions instead.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- 14 15 16 17 18
for version; do
	go run ./internal/devstack/cmd/devstack run --postgres "$version" -- go test -count=1 -p 1 ./internal/source ./examples/... ./cmd/reindex
done
