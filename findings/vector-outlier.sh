#!/usr/bin/env bash
# vector in PostgreSQL (pgvector), dense_vector in Elasticsearch: the nearest of five.
#
# Guess: with five documents and num_candidates 10, knn is exact: the document that equals the query comes first.
# Seen with pgvector 0.8.5: it does. Elasticsearch 8.11.0: it does, by hnsw over floats. Elasticsearch 8.19.7: it does not. The default
# there is int8_hnsw, whose one scale for the whole segment is stretched by two outliers (100 and -100): all values around 0.5
# become the same byte, all have the score 1.0, and the tie is in the order of the documents.
# So: a column with outliers wants "index_options": {"type": "hnsw"}, or vectors that are normalised.
source "$(dirname "$0")/lib.sh"
pgvector
nearest="SELECT id FROM item ORDER BY v <-> '[0.6,0,0]', id LIMIT 3"
psql -q <<'SQL'
CREATE TABLE item (id int, v vector(3));
INSERT INTO item VALUES (1, '[100,0,0]'), (2, '[0.5,0,0]'), (3, '[0.6,0,0]'), (4, '[-100,0,0]'), (5, '[0.55,0,0]');
SQL
see 'pgvector' '3 5 2' "$(sql "$nearest")"

knn='{"knn": {"field": "f", "query_vector": [0.6, 0, 0], "k": 3, "num_candidates": 10}}'
fill() {
	index "$1"
	psql -Atqc 'SELECT id, v FROM item ORDER BY id' | while IFS='|' read -r id v; do put "$id" "$v" >/dev/null; done
}
elasticsearch 8.11.0
fill '{"type": "dense_vector", "dims": 3, "index": true, "similarity": "l2_norm"}'
see 'Elasticsearch 8.11.0' '3=1.0 5=0.9975062 2=0.990099' "$(scores "$knn")"
elasticsearch 8.19.7
fill '{"type": "dense_vector", "dims": 3, "index": true, "similarity": "l2_norm"}'
see 'Elasticsearch 8.19.7' '2=1.0 3=1.0 5=1.0' "$(scores "$knn")"
fill '{"type": "dense_vector", "dims": 3, "index": true, "similarity": "l2_norm", "index_options": {"type": "hnsw"}}'
see 'Elasticsearch 8.19.7, hnsw' '3=1.0 5=0.9975062 2=0.990099' "$(scores "$knn")"
