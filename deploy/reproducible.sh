#!/bin/sh
# Proves that `make dist` gives the same bytes again: from two clones of HEAD in folders of different names and depth, the
# second with an empty build cache. The Go must be the same, of course. Prints the checksums; status 1 and a diff if they differ.
#
#   deploy/reproducible.sh
set -eu
root=$(git rev-parse --show-toplevel)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

git clone --quiet --no-hardlinks "$root" "$work/one"
git clone --quiet --no-hardlinks "$root" "$work/another/and/deeper/two"
make --silent -C "$work/one" dist >/dev/null
GOCACHE=$work/cache GOFLAGS= make --silent -C "$work/another/and/deeper/two" dist >/dev/null

diff "$work/one/dist/SHA256SUMS" "$work/another/and/deeper/two/dist/SHA256SUMS"
cat "$work/one/dist/SHA256SUMS"
