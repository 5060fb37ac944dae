package scaffold

import (
	"slices"
	"strings"
)

// locations adds a geo_point for each pair of columns that are a latitude and a
// longitude by their names and types. Values that are none are left out, because
// Elasticsearch would refuse the whole document.
func (w *writer) locations(q *query, p part) {
	for _, lat := range p.columns {
		lon, name := longitudeOf(p.columns, lat)
		if lon == nil || !lat.readable || !lon.readable || w.excludes(p.table, lat) || w.excludes(p.table, lon) {
			continue
		}
		x, y := p.alias+"."+lon.sql, p.alias+"."+lat.sql
		q.add("CASE WHEN "+y+" BETWEEN -90 AND 90 AND "+x+" BETWEEN -180 AND 180 THEN json_build_object('lat', "+y+", 'lon', "+x+") END",
			p.taken.unique(fieldName(name), fieldName(name)+"_point"), mapped("geo_point"), "")
	}
}

// longitudeOf returns the column that belongs to a latitude, and a name for the
// place: start_location for start_lat and start_lon.
func longitudeOf(columns []*column, lat *column) (*column, string) {
	for _, pair := range [][2]string{{"latitude", "longitude"}, {"lat", "lon"}, {"lat", "lng"}, {"lat", "long"}} {
		name := strings.ToLower(lat.name)
		before, found := strings.CutSuffix(name, pair[0])
		if !found || before != "" && !strings.HasSuffix(before, "_") || !decimal(lat.typ) {
			continue
		}
		at := slices.IndexFunc(columns, func(c *column) bool { return strings.ToLower(c.name) == before+pair[1] && decimal(c.typ) })
		if at >= 0 {
			return columns[at], lat.name[:len(before)] + "location"
		}
	}
	return nil, ""
}

func decimal(t *pgType) bool {
	for t != nil && t.kind == 'd' {
		t = t.base
	}
	return t != nil && t.extension == "" && slices.Contains([]string{"float4", "float8", "numeric"}, t.name)
}
