#!/usr/bin/env bash
# geography in PostGIS, geo_point in Elasticsearch: the meridian of 180 degrees.
#
# Guess: 180 and -180 are one place in both, so a box that begins at -180 finds a point at 180.
# Seen with PostGIS 3.3.2 and Elasticsearch 8.19.7: PostGIS says the distance is 0, and so does geo_distance. But a geo_bounding_box from -180 to -170 does
# not find the point at 180, and one from 170 to 180 not that at -180; only a box across the line, from 170 to -170, finds both. In PostGIS
# ST_Intersects of geography finds the point, that of geometry does not.
# So: write one of the two spellings (CASE WHEN ST_X(p) = 180 THEN -180 ...) if people search by boxes, as maps do.
source "$(dirname "$0")/lib.sh"
postgis
elasticsearch 8.19.7
see 'PostGIS: distance' 0 "$(sql "SELECT ST_Distance('POINT(180 0)'::geography, 'POINT(-180 0)'::geography)")"
box="'POLYGON((-180 -1, -170 -1, -170 1, -180 1, -180 -1))'"
see 'PostGIS: the box and the point at 180, as geography and geometry' 't|f' \
	"$(sql "SELECT ST_Intersects('POINT(180 0)'::geography, $box::geography), ST_Intersects('POINT(180 0)'::geometry, $box::geometry)")"

index '{"type": "geo_point"}'
put plus '[180, 0]' >/dev/null
put minus '[-180, 0]' >/dev/null
see 'Elasticsearch: within 1 m of 180' 'plus minus' "$(hits '{"query": {"geo_distance": {"distance": "1m", "f": [180, 0]}}}')"
in_box() { hits "{\"query\": {\"geo_bounding_box\": {\"f\": {\"top_left\": [$1, 1], \"bottom_right\": [$2, -1]}}}}"; }
see 'Elasticsearch: from -180 to -170' minus "$(in_box -180 -170)"
see 'Elasticsearch: from 170 to 180' plus "$(in_box 170 180)"
see 'Elasticsearch: from 170 to -170' 'plus minus' "$(in_box 170 -170)"
