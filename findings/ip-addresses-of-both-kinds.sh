#!/usr/bin/env bash
# inet in PostgreSQL, ip in Elasticsearch: networks and order of IPv4 and IPv6 together.
#
# Guess: a search for ::/0 finds the IPv6 addresses, and a sort puts IPv4 first, as PostgreSQL does.
# Seen on PostgreSQL 15.14 and Elasticsearch 8.19.7: Elasticsearch keeps an IPv4 address as the IPv6 address
# ::ffff:a.b.c.d. So ::/0 finds all addresses, "gte 0.0.0.0" finds most of IPv6 too, and IPv4 stands in the middle of
# the order of IPv6: ::1, 10.0.0.1, 2001:db8::1. PostgreSQL compares the kinds first.
# So: filter by kind with 0.0.0.0/0 or its negation, never with ::/0, and page through addresses in one system only.
source "$(dirname "$0")/lib.sh"
postgres 15
elasticsearch 8.19.7

addresses="'10.0.0.1', '::1', '2001:db8::1'"
see 'PostgreSQL: in ::/0' '::1 2001:db8::1' "$(sql "SELECT a FROM unnest(ARRAY[$addresses]::inet[]) a WHERE a << '::/0' ORDER BY a")"
see 'PostgreSQL: in order' '10.0.0.1 ::1 2001:db8::1' "$(sql "SELECT a FROM unnest(ARRAY[$addresses]::inet[]) a ORDER BY a")"

index '{"type": "ip"}'
for a in 10.0.0.1 ::1 2001:db8::1; do put "$a" "\"$a\"" >/dev/null; done
see 'Elasticsearch: in ::/0, in order' '::1 10.0.0.1 2001:db8::1' "$(hits '{"query": {"term": {"f": "::/0"}}, "sort": "f"}')"
see 'Elasticsearch: from 0.0.0.0' '10.0.0.1 2001:db8::1' "$(hits '{"query": {"range": {"f": {"gte": "0.0.0.0"}}}, "sort": "f"}')"
see 'Elasticsearch: in 0.0.0.0/0' '10.0.0.1' "$(hits '{"query": {"term": {"f": "0.0.0.0/0"}}}')"
