#!/usr/bin/env bash
# sparsevec in PostgreSQL (pgvector), sparse_vector in Elasticsearch: the inner product with a vector of one 1.
#
# Guess: the score is the weight as a float, with 7 digits.
# Seen with pgvector 0.8.5 and Elasticsearch 8.19.7: pgvector has the weight; Elasticsearch keeps 9 bits of it: 1.0019 is 1.0, 1000.5 is 1000,
# 100000 is 99840, 0.1 is 0.099853516. The document (_source) has all digits, so nothing shows it but scores, and
# documents that differ by less than 0.4 % tie.
# So: do not compare scores of the two, and do not sort by them where weights lie close.
source "$(dirname "$0")/lib.sh"
pgvector
elasticsearch 8.19.7
weights='1.0019 1.005 1000.5 100000 0.1'
index '{"type": "sparse_vector"}'
for w in $weights; do put "$w" "{\"token\": $w}" >/dev/null; done

see 'pgvector' '100000 1000.5 1.005 1.0019 0.1' \
	"$(sql "SELECT (-(format('{1:%s}/2', w)::sparsevec <#> '{1:1}/2'))::real FROM unnest('{${weights// /,}}'::text[]) w ORDER BY 1 DESC")"
see 'Elasticsearch' '100000=99840.0 1000.5=1000.0 1.005=1.0039062 1.0019=1.0 0.1=0.099853516' \
	"$(scores '{"query": {"sparse_vector": {"field": "f", "query_vector": {"token": 1}}}}')"
