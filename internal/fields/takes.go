// Package fields knows what a value of a PostgreSQL type becomes in a field of an
// Elasticsearch type: where Elasticsearch refuses it, where it accepts it and reads something
// else, and what to write in the query instead. docs/documents.md has the same as
// a table; TestWhatElasticsearchReadsAsSomethingElse compares it with a real server.
package fields

import "strings"

// Takes says what a field of an Elasticsearch type takes and how a query writes it;
// "" for types that take any scalar.
func Takes(kind string) string {
	switch kind {
	case "long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long":
		return kind + " takes a number: cast money to numeric, and leave out or CASE what has letters or signs"
	case "boolean":
		return "boolean takes true and false: cast to boolean"
	case "date", "date_nanos":
		return kind + " takes RFC 3339 text such as 2024-02-29T12:00:00Z, as columns of type date, timestamp and timestamptz give it; NULLIF(column, '') for empty text"
	case "ip":
		return "ip takes an address without a netmask: host(column); ip_range takes networks"
	case "ip_range":
		return "ip_range takes a network such as 10.0.0.0/8: network(column)"
	case "geo_point", "geo_shape":
		return kind + " takes GeoJSON as an object: ST_AsGeoJSON(column)::jsonb, NULL where it is empty; of a point: jsonb_build_object('lon', p[0], 'lat', p[1])"
	case "dense_vector":
		return "dense_vector takes an array of as many numbers as dims says: column::real[]"
	case "sparse_vector", "flattened", "object", "nested":
		return kind + " takes an object: cast JSON in text to jsonb"
	case "binary":
		return "binary takes base64: encode(column, 'base64')"
	}
	if strings.HasSuffix(kind, "_range") {
		return kind + ` takes an object such as {"gte": 1, "lt": 10}: CASE WHEN NOT isempty(r) THEN jsonb_build_object('gte', lower(r), 'lt', upper(r)) END`
	}
	return ""
}
