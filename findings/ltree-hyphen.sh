#!/usr/bin/env bash
# ltree in PostgreSQL, keyword in Elasticsearch: the order of a tree.
#
# Guess: the order of the text is that of the tree, parents before children and subtrees together, on all versions.
# Seen on PostgreSQL 15.14: labels have letters, digits and _ only, all of which come after the dot, so both orders are one. On 16.10 a label may hold a
# hyphen, which comes before the dot: PostgreSQL has a, a.z, a-b (labels are compared one by one), Elasticsearch 8.19.7 has a, a-b, a.z. A
# subtree is no longer a stretch of the sorted keywords: "gte a, lt b" for the tree below a has a-b in its middle.
# So: find a subtree by {"prefix": "a."} and the node itself, never by a range of keywords or a cursor through them.
source "$(dirname "$0")/lib.sh"
postgres 15
psql -qc 'CREATE EXTENSION ltree'
see '15: a-b' 'ERROR:  ltree syntax error at character 2' "$(psql -Atqc "SELECT 'a-b'::ltree" 2>&1 | head -1)"
stopPostgres
postgres 16
psql -qc 'CREATE EXTENSION ltree'
see '16: in order' 'a a.z a-b b' "$(sql "SELECT p FROM unnest('{b,a-b,a.z,a}'::ltree[]) p ORDER BY p")"

elasticsearch 8.19.7
index '{"type": "keyword"}'
for p in a a.z a-b b; do put "$p" "\"$p\"" >/dev/null; done
see 'Elasticsearch: in order' 'a a-b a.z b' "$(hits '{"sort": "f"}')"
see 'Elasticsearch: below a' 'a.z' "$(hits '{"query": {"prefix": {"f": "a."}}}')"
