#!/usr/bin/env bash
# interval in PostgreSQL, seconds (extract(epoch ...)) in a double of Elasticsearch: which is longer?
#
# Guess: seconds keep the order of intervals, as they would of any other type.
# Seen on PostgreSQL 15.14 and 17.6: comparisons count 30 days a month, so a year is 360 days; extract(epoch ...) counts a year as 365.25
# days and a month as 30. So 361 days are longer than a year in ORDER BY, and shorter in seconds; 12 months, stored as a year, are
# 31557600 seconds where 12 times a month is 31104000. Elasticsearch (a double) has the order of the seconds, not PostgreSQL's.
# So: where years and months matter, send PostgreSQL's own number: ((extract(year FROM i) * 12 + extract(month FROM i)) * 30 +
# extract(day FROM i)) * 86400 + the hours, minutes and seconds.
source "$(dirname "$0")/lib.sh"
for version in 15 17; do
	postgres $version
	see "$version: a year < 361 days" t "$(sql "SELECT interval '1 year' < interval '361 days'")"
	see "$version: the same in seconds" f "$(sql "SELECT extract(epoch FROM interval '1 year') < extract(epoch FROM interval '361 days')")"
	see "$version: 12 months, and 12 times the seconds of one" '31557600.000000|31104000.000000' \
		"$(sql "SELECT extract(epoch FROM interval '12 months'), 12 * extract(epoch FROM interval '1 month')")"
	see "$version: equal, with other seconds" 't|31557600.000000|31104000.000000' \
		"$(sql "SELECT interval '1 year' = interval '360 days', extract(epoch FROM interval '1 year'), extract(epoch FROM interval '360 days')")"
	stopPostgres
done

elasticsearch 8.19.7
index '{"type": "double"}'
put year 31557600.0 >/dev/null
put 361days 31190400.0 >/dev/null
see 'Elasticsearch: in order' '361days year' "$(hits '{"sort": "f"}')"
