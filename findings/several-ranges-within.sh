#!/usr/bin/env bash
# int4multirange in PostgreSQL, several ranges in one integer_range field in Elasticsearch.
#
# Guess: "relation": "within" asks what <@ asks: does the whole value lie inside?
# Seen on PostgreSQL 15.14 and Elasticsearch 8.19.7: one of the ranges inside is enough, so a document with
# [1,3) and [50,80) is "within" 0 to 10. And "contains" looks at each range alone: [1,3] and [4,8] do not contain 2 to 6,
# which the multirange does, because it has merged them; an array of ranges has not.
# So: send multiranges, not arrays of ranges, and do not ask "within" of several ranges: ask that nothing of the document
# intersects what lies outside.
source "$(dirname "$0")/lib.sh"
postgres 15
elasticsearch 8.19.7

see 'PostgreSQL: {[1,3),[50,80)} within [0,10]' f "$(sql "SELECT '{[1,3),[50,80)}'::int4multirange <@ '[0,10]'::int4range")"
see 'PostgreSQL: {[1,3],[4,8]} contains [2,6]' t "$(sql "SELECT '{[1,3],[4,8]}'::int4multirange @> '[2,6]'::int4range")"

index '{"type": "integer_range"}'
put apart '[{"gte": 1, "lt": 3}, {"gte": 50, "lt": 80}]' >/dev/null
put adjacent '[{"gte": 1, "lte": 3}, {"gte": 4, "lte": 8}]' >/dev/null
see 'Elasticsearch: within 0 to 10' 'apart adjacent' "$(hits '{"query": {"range": {"f": {"gte": 0, "lte": 10, "relation": "within"}}}}')"
see 'Elasticsearch: contains 2 to 6' '' "$(hits '{"query": {"range": {"f": {"gte": 2, "lte": 6, "relation": "contains"}}}}')"
see 'Elasticsearch: within 0 to 10 and nothing beyond' adjacent "$(hits '{"query": {"bool": {"must": {"range": {"f": {"gte": 0, "lte": 10, "relation": "within"}}},
	"must_not": [{"range": {"f": {"gt": 10}}}, {"range": {"f": {"lt": 0}}}]}}}')"
