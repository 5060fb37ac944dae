#!/usr/bin/env bash
# sparsevec in PostgreSQL (pgvector), sparse_vector in Elasticsearch, with a token that nearly all documents have.
#
# Guess: a query finds every document whose inner product with it is above 0, in both.
# Seen with pgvector 0.8.5: 40 of 40. Elasticsearch 8.19.7 and 9.2.0: 1 of 40. The default there (index_options.prune) drops a token of
# the query that is much more frequent than the average token and has a small weight in the query, so a document that
# shares only that token is not found, and its weight is missing in the score of the one that is. "prune": false in the query
# brings them back.
# So: say "prune": false where a weight is a weight and not the guess of a language model.
source "$(dirname "$0")/lib.sh"
pgvector
psql -qc "CREATE TABLE item AS SELECT i, format('{1:1,%s:1}/41', i + 1)::sparsevec AS v FROM generate_series(1, 40) i"
see 'pgvector: above 0' 40 "$(sql "SELECT count(*) FROM item WHERE v <#> '{1:0.1,2:1}/41' < 0")"

fill() {
	index '{"type": "sparse_vector"}'
	for i in $(seq 40); do put "$i" "{\"common\": 1.0, \"rare$i\": 1.0}" >/dev/null; done
}
count() {
	curl -s "$ES/t/_count" -H 'Content-Type: application/json' -d "{\"query\": {\"sparse_vector\": {\"field\": \"f\", \"query_vector\": {\"rare1\": 1.0, \"common\": 0.1} $1}}}" |
		python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["count"] if "count" in d else d["error"]["root_cause"][0]["reason"])'
}
for version in 8.19.7 9.2.0; do
	elasticsearch $version
	fill
	see "$version" 1 "$(count '')"
	see "$version, prune: false" 40 "$(count ', "prune": false')"
done
