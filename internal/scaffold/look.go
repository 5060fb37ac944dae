package scaffold

import (
	"fmt"
	"strings"

	"example.com/reindex/internal/source"
)

// look is what the first rows of a column show that its type does not.
type look struct {
	rows       int  // that are not NULL
	objects    bool // of json: all are objects, or arrays of them
	points     bool // of geometry: all are points
	dimensions int  // of vectors: of all of them, or 0 if they differ
}

const (
	lookedAt       = 1000 // rows of a table
	lookPatience   = 3000 // milliseconds for all tables together
	countPatience  = 3000 // milliseconds for all lists together
	nestedPossible = 10_000
)

// lookAt looks at the first rows of the columns whose type leaves open how they
// can be searched, in one query. Data that cannot be read are not looked at.
func lookAt(catalog *source.Catalog, relations map[*relation]bool) {
	var questions []string
	var asked []*column
	for relation := range relations {
		for _, c := range relation.columns {
			test, dims := questionOf(c)
			if test == "" || !c.readable {
				continue
			}
			questions = append(questions, fmt.Sprintf("SELECT %d, pg_catalog.count(c), pg_catalog.bool_and(%s), pg_catalog.min(%s), pg_catalog.max(%s)"+
				" FROM (SELECT %s AS c FROM %s LIMIT %d) s", len(asked), test, dims, dims, c.sql, relation.sql, lookedAt))
			asked = append(asked, c)
		}
	}
	if len(questions) == 0 {
		return
	}
	rows, err := catalog.Look("look at the data", lookPatience, strings.Join(questions, "\nUNION ALL\n"))
	if err != nil {
		return // the files say which columns were not looked at
	}
	for _, v := range rows {
		found := &look{rows: int(number(v[1]))}
		found.objects, found.points = string(v[2]) == "t", string(v[2]) == "t"
		if lowest := number(v[3]); lowest == number(v[4]) {
			found.dimensions = int(lowest)
		}
		asked[number(v[0])].look = found
	}
}

// questionOf returns a condition on a column c, and the dimensions of a vector.
func questionOf(c *column) (test, dims string) {
	t, name := c.typ, c.typeName
	for t != nil && t.kind == 'd' {
		t, name = t.base, t.baseName
	}
	if t == nil {
		return "", ""
	}
	switch {
	case t.name == "jsonb" && t.extension == "":
		return `NOT pg_catalog.jsonb_path_exists(c, '$[*] ? (@.type() != "object" && @.type() != "null")')`, "0"
	case t.name == "json" && t.extension == "":
		return "pg_catalog.json_typeof(c) IN ('object', 'null')", "0"
	case t.extension == "postgis" && (t.name == "geometry" || t.name == "geography"):
		if shape, _ := geometryOf(name); shape != "" {
			return "", ""
		}
		return t.schema + "GeometryType(c) IN ('POINT', 'POINTM')", "0"
	case t.extension == "vector" && c.typmod < 0 && (t.name == "vector" || t.name == "halfvec"):
		return "true", t.schema + "vector_dims(c)"
	}
	return "", ""
}

// mostElements returns how many elements the lists of one document have at
// most, all lists together, or 0 if counting took too long.
func mostElements(catalog *source.Catalog, keys []*foreignKey) int {
	questions := make([]string, len(keys))
	for i, k := range keys {
		columns := make([]string, len(k.columns))
		for j, c := range k.columns {
			columns[j] = c.sql
		}
		list := strings.Join(columns, ", ")
		questions[i] = fmt.Sprintf("SELECT pg_catalog.max(n) AS n FROM (SELECT pg_catalog.count(*) AS n FROM %s WHERE (%s) IS NOT NULL GROUP BY %s) s",
			k.from.sql, list, list)
	}
	if len(questions) == 0 {
		return 0
	}
	rows, err := catalog.Look("count the rows of the lists", countPatience, "SELECT pg_catalog.sum(n) FROM ("+strings.Join(questions, " UNION ALL ")+") s")
	if err != nil || len(rows) == 0 {
		return 0
	}
	return int(number(rows[0][0]))
}
