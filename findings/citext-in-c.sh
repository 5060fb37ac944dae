#!/usr/bin/env bash
# citext in PostgreSQL, keyword with the normalizer lowercase in Elasticsearch.
#
# Guess: both call É and é the same.
# Seen on PostgreSQL 15.14 and Elasticsearch 8.19.7: in a database with the locale C, which many container images make, citext folds ASCII
# only: É and é are two values, allowed beside each other under a UNIQUE key. Elasticsearch folds every letter: one term finds both, and
# so do ẞ and ß, İ and i. A terms aggregation has fewer buckets than GROUP BY.
# So: a citext id is no id in Elasticsearch, and counts by citext differ unless the database folds by ICU or libc.
source "$(dirname "$0")/lib.sh"
postgres 15
elasticsearch 8.19.7
psql -q <<'SQL'
CREATE EXTENSION citext;
CREATE TABLE t (f citext UNIQUE);
INSERT INTO t VALUES ('É'), ('é'), ('ẞ'), ('ß'), ('İ'), ('i');
SQL
see 'PostgreSQL: values' 6 "$(sql 'SELECT count(DISTINCT f) FROM t')"
see 'PostgreSQL: ASCII only' 't|f' "$(sql "SELECT 'A'::citext = 'a', 'É'::citext = 'é'")"

index '{"type": "keyword", "normalizer": "lowercase"}'
id=0
psql -Atqc 'SELECT f FROM t ORDER BY f COLLATE "C"' >"$work/values"
while read -r f; do id=$((id + 1)) && put "$f" "\"$f\"" >/dev/null; done <"$work/values"
see 'Elasticsearch: term É' 'É é' "$(hits '{"query": {"term": {"f": "É"}}}')"
see 'Elasticsearch: term i' 'i İ' "$(hits '{"query": {"term": {"f": "i"}}}')"
see 'Elasticsearch: values' 3 "$(curl -s "$ES/t/_search" -H 'Content-Type: application/json' -d '{"size": 0, "aggs": {"n": {"cardinality": {"field": "f"}}}}' |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["aggregations"]["n"]["value"])')"
