package fields

import "strings"

// Verdict is what Elasticsearch does with the values of a column that it accepts, and
// reads as something else.
type Verdict struct {
	Always bool   // no value is read right: a run refuses the column
	Does   string // what happens
	Write  string // what to write instead
}

// Judge compares the type of a column, as format_type prints it, with its field's
// type and format in the mapping. ok is false if nothing is known against them.
func Judge(column, kind, format string) (v Verdict, ok bool) {
	column = strings.TrimSuffix(column, "[]")
	if i := strings.LastIndexByte(column, '.'); i >= 0 { // the schema of an extension
		column = column[i+1:]
	}
	date := kind == "date" || kind == "date_nanos"
	switch {
	case (column == "geometry" || column == "geography") && kind == "geo_point":
		return Verdict{
			true, "PostGIS prints hexadecimal digits, of which Elasticsearch reads the first 12 as a geohash: POINT(0 0) and POINT(1 2) become latitude -84.2, longitude -180",
			"CASE WHEN NOT ST_IsEmpty(column) THEN ST_AsGeoJSON(column)::jsonb END",
		}, true
	case (column == "text" || column == "character varying") && kind == "geo_point":
		return Verdict{
			false, `"POINT EMPTY" is read as latitude 0, longitude 0, and digits alone as a geohash`,
			"CASE WHEN NOT ST_IsEmpty(column) THEN ST_AsGeoJSON(column)::jsonb END",
		}, true
	case isInteger(column) && date && (format == "" || strings.Contains(format, "optional_time")):
		return Verdict{
			false, "a number of at most 4 digits is read as a year, a longer one as milliseconds since 1970: 20240229 is 1970-01-01T05:37:20Z",
			"make_date(column, 1, 1) of a year, to_timestamp(column) of seconds, to_date(column::text, 'YYYYMMDD') of digits; or format: epoch_second or epoch_millis",
		}, true
	case (column == "text" || column == "character varying") && date && strings.Contains("||"+format+"||", "||strict_date||"):
		return Verdict{
			false, "the format strict_date accepts days that there are not: 2023-02-29 is read as 2023-03-01",
			"column::date, or the format yyyy-MM-dd, which refuses them",
		}, true
	case (column == "json" || column == "jsonb") && strings.HasSuffix(kind, "_range"):
		return Verdict{
			false, "an object without bounds, or with two nulls, matches everything: an empty range becomes one",
			"CASE WHEN NOT isempty(r) THEN jsonb_build_object('gte', lower(r), 'lt', upper(r)) END",
		}, true
	}
	return Verdict{}, false
}

func isInteger(column string) bool {
	return column == "smallint" || column == "integer" || column == "bigint"
}

// DocCount is a name that Elasticsearch takes for a metadata field at the top of a
// document, also where the mapping is strict.
const DocCount = "_doc_count"
