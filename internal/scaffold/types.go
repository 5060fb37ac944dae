package scaffold

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// value is something that has to become a field: a column, a part of a
// composite value or an element of an array.
type value struct {
	sql    string // an expression
	typ    *pgType
	typmod int32
	name   string // of the type, as PostgreSQL prints it
	look   *look
	// inJSON says that the value is written by a JSON function of PostgreSQL,
	// which gives some types another form than reindex does.
	inJSON bool
	// element says that the value is one of many in an array.
	element bool
	classes []string // operator classes of the indices on the column
}

// conversion is what becomes of a value.
type conversion struct {
	sql   string // "" if the value is left out
	field object // its mapping
	note  string // what a person should know; "" if there is nothing
}

// A rule says what becomes of the values of some types.
type rule struct {
	types     []string // names in pg_type
	extension string   // "" for the types of PostgreSQL itself
	show      string   // the type, as the documentation has it
	json      string   // what is sent
	fields    string   // the field, for the documentation
	beware    string   // for the documentation
	source    string   // which PostgreSQL has it, and where that is written
	convert   func(v value) conversion
}

func mapped(kind string, more ...member) object {
	return append(object{{"type", kind}}, more...)
}

// as makes a rule's function of an SQL template, in which %s is the value, and
// one field.
func as(template string, field object, note string) func(value) conversion {
	return func(v value) conversion {
		return conversion{sql: strings.ReplaceAll(template, "%s", v.sql), field: field, note: note}
	}
}

// Keywords beyond this length are not indexed. In UTF-8, 8,000 characters fit
// into the 32,766 bytes of a Lucene term.
const longestKeyword = 8000

func keyword() object { return mapped("keyword", member{"ignore_above", longestKeyword}) }

// words is text for filters and sorting, and as .text for searches by words.
func words(more ...member) object {
	return append(append(keyword(), more...), member{"fields", object{{"text", mapped("text")}}})
}

// stored is a value that is in the document and cannot be searched by.
func stored() object { return mapped("object", member{"enabled", false}) }

const (
	everyVersion = "all"
	chapter      = "https://www.postgresql.org/docs/current/datatype-"
)

// rules is the one table of types. The first rule that has a type decides;
// domains, arrays, composite types, enums and ranges come to it by their parts.
func rules() []rule {
	return slices.Concat(plainRules(), structuredRules(), partsRules(), extensionRules())
}

// partsRules documents what convert makes of types by their parts. They have no
// names of types.
func partsRules() []rule {
	ranges := "all; multiranges since 14; " + chapter[:len(chapter)-len("datatype-")] + "rangetypes.html"
	return []rule{
		{
			show: "`int4range`, `int8range`, `numrange`, `daterange`, `tsrange`, `tstzrange`, and ranges of your own over these types",
			json: "`{\"gte\": 1, \"lt\": 11}`", fields: "`integer_range`, `long_range`, `double_range`, `date_range`", source: ranges,
			beware: "An empty range becomes NULL: without bounds it would match everything. `infinity` is no bound. Of timestamps, bounds between two milliseconds become" +
				" inclusive, because Elasticsearch would find nothing between them. Aggregations on range fields are limited.",
		},
		{
			show: "`int4multirange` and so on", json: "array of such objects", fields: "as the range", source: ranges,
			beware: "An empty multirange is `[]`. `relation: within` is true if one of the ranges is inside.",
		},
		{show: "ranges over other types", json: "string", fields: "`keyword`", source: ranges, beware: "Elasticsearch has no such ranges."},
		{show: "enum", json: "string", fields: "`keyword`", source: everyVersion, beware: "It sorts as text, in PostgreSQL by the order of its labels."},
		{show: "domain", json: "as its base type", fields: "as its base type, with that one's length, precision or dimensions", source: everyVersion},
		{
			show: "array", json: "array", fields: "as its elements; of composite types and points `nested`", source: everyVersion,
			beware: "Elements that become NULL for a reason, such as empty ranges, are left out. Elasticsearch keeps no order and no dimensions for searches.",
		},
		{
			show: "composite type", json: "object", fields: "object with its parts", source: everyVersion,
			beware: "As it is, it is text such as `(x,1)`. A row of a table as a value is `enabled: false`.",
		},
		{show: "all other types", json: "string", fields: "`keyword`", source: everyVersion, beware: "The comment in the query names the type."},
	}
}

func plainRules() []rule {
	return []rule{
		{
			types: []string{"bool"}, show: "`boolean`", json: "`true`", fields: "`boolean`", source: everyVersion,
			convert: as("%s", mapped("boolean"), ""),
		},
		{types: []string{"int2"}, show: "`smallint`", json: "number", fields: "`short`", source: everyVersion, convert: as("%s", mapped("short"), "")},
		{types: []string{"int4"}, show: "`integer`", json: "number", fields: "`integer`", source: everyVersion, convert: as("%s", mapped("integer"), "")},
		{
			types: []string{"int8"}, show: "`bigint`", json: "number, every digit", fields: "`long`", source: everyVersion,
			beware:  "Sums and other metrics of Elasticsearch are doubles: beyond 2^53 they round; `term`, `range` and sorting do not.",
			convert: as("%s", mapped("long"), ""),
		},
		{
			types: []string{"oid"}, show: "`oid`", json: "number", fields: "`long`", source: everyVersion,
			beware:  "It is cast to `bigint`; reindex sends an `oid` without a cast as a string.",
			convert: as("%s::int8", mapped("long"), ""),
		},
		{
			types: []string{"numeric"}, show: "`numeric(p,s)`", json: "number, every digit",
			fields: "up to 9 digits and no scale `integer`, up to 18 `long`, more `keyword` with `.number` as `double`; with a scale, or without a precision, `double`",
			beware: "A `double` holds 15 digits: searches and sums beyond them are approximate, and the document keeps all of them. NaN and infinity are errors that name the row." +
				" Elasticsearch refuses numbers of more than 1,000 digits.",
			source: "all; infinity since 14", convert: convertNumeric,
		},
		{
			types: []string{"float4"}, show: "`real`", json: "number", fields: "`float`", source: everyVersion,
			beware: "NaN and infinity are errors that name the row.", convert: as("%s", mapped("float"), ""),
		},
		{
			types: []string{"float8"}, show: "`double precision`", json: "number", fields: "`double`", source: everyVersion,
			beware: "As `real`.", convert: as("%s", mapped("double"), ""),
		},
		{
			types: []string{"money"}, show: "`money`", json: "number", fields: "`double`", source: "all; " + chapter + "money.html",
			beware:  "Its text has a currency sign and depends on `lc_monetary`, so it is cast to `numeric`; the currency is lost.",
			convert: as("%s::numeric", mapped("double"), "money without its currency"),
		},
		{
			types: []string{"text", "varchar", "name"}, show: "`text`, `varchar(n)`, `name`", json: "string",
			fields: "`keyword`, and `.text` as `text`", source: everyVersion,
			beware:  "Beyond 8,000 characters the `keyword` is not indexed, `.text` is. `\"\"` is a value and NULL is none.",
			convert: as("%s", words(), ""),
		},
		{
			types: []string{"bpchar"}, show: "`char(n)`", json: "string without the blanks at its end", fields: "`keyword`",
			source:  "all; " + chapter + "character.html",
			beware:  "PostgreSQL pads it with blanks and does not compare them; Elasticsearch would, so it is cast to `text`, which trims them.",
			convert: as("%s::text", keyword(), ""),
		},
		{types: []string{"char"}, show: "`\"char\"`", json: "string of one byte", fields: "`keyword`", source: everyVersion, convert: as("%s", keyword(), "")},
		{
			types: []string{"bytea"}, show: "`bytea`", json: "base64", fields: "`binary`", source: everyVersion,
			beware: "It is in the document and cannot be searched by.", convert: convertBytes,
		},
		{
			types: []string{"date", "timestamp", "timestamptz"}, show: "`date`, `timestamp`, `timestamptz`", json: "`2024-02-29`, `2024-02-29T12:00:00.5`, the same with `Z`",
			fields: "`date`", source: "all; " + chapter + "datetime.html",
			beware: "Elasticsearch keeps milliseconds, the document all digits. Infinity, BC and years beyond 9999 are errors that name the row." +
				" A `timestamp` has no zone: Elasticsearch takes it for UTC.",
			convert: as("%s", mapped("date"), ""),
		},
		{
			types: []string{"time", "timetz"}, show: "`time`, `timetz`", json: "`12:00:00.5`, `12:00:00+02`", fields: "`keyword`", source: everyVersion,
			beware:  "Ranges compare text, which is the order of times for `time` and not for `timetz`. `24:00:00` is allowed in PostgreSQL and no time for Elasticsearch's `date`.",
			convert: as("%s", keyword(), ""),
		},
		{
			types: []string{"interval"}, show: "`interval`", json: "number of seconds", fields: "`double`", source: "all; infinity since 17; " + chapter + "datetime.html",
			beware: "Elasticsearch has no durations. A month has 30 days and a year 365.25 in `extract(epoch ...)`, so that 361 days are less than a year, which they are not in" +
				" PostgreSQL's own order. Infinity is an error that names the row.",
			convert: as("extract(epoch FROM %s)::float8", mapped("double"), "seconds; a month has 30 days"),
		},
		{types: []string{"uuid"}, show: "`uuid`", json: "string in lower case", fields: "`keyword`", source: everyVersion, convert: as("%s", keyword(), "")},
		{
			types: []string{"inet"}, show: "`inet`", json: "address without its netmask", fields: "`ip`", source: "all; " + chapter + "net-types.html",
			beware: "`ip` refuses a netmask, so `host()` leaves it out. `term: 10.0.0.0/8` finds addresses of a network; `::/0` finds IPv4 too," +
				" and IPv4 stands in the middle of the order of IPv6.",
			convert: as("host(%s)", mapped("ip"), "without its netmask, which Elasticsearch's ip refuses"),
		},
		{
			types: []string{"cidr"}, show: "`cidr`", json: "`10.1.0.0/16`", fields: "`ip_range`", source: "all; " + chapter + "net-types.html",
			beware:  "`term: 10.1.2.3` finds the networks that hold the address. Elasticsearch refuses networks of IPv4 addresses written as IPv6 (`::ffff:10.1.2.0/120`).",
			convert: as("%s", mapped("ip_range"), ""),
		},
		{
			types: []string{"macaddr", "macaddr8"}, show: "`macaddr`, `macaddr8`", json: "`08:00:2b:01:02:03`", fields: "`keyword`",
			source: everyVersion, convert: as("%s", keyword(), ""),
		},
		{
			types: []string{"bit", "varbit"}, show: "`bit(n)`, `bit varying(n)`", json: "string of 0 and 1", fields: "`keyword`", source: everyVersion,
			convert: as("%s", keyword(), ""),
		},
		{
			types: []string{"xml"}, show: "`xml`", json: "string", fields: "`text`", source: "all; " + chapter + "xml.html",
			beware:  "Names of elements are words too. PostgreSQL leaves out the declaration.",
			convert: as("%s", mapped("text"), ""),
		},
		{
			types: []string{"tsvector"}, show: "`tsvector`", json: "left out", fields: "none", source: "all; " + chapter + "textsearch.html",
			beware: "Elasticsearch analyses the text itself: map the column that it was made of.", convert: leftOut("Elasticsearch analyses the text itself"),
		},
		{
			types: []string{"int2vector", "oidvector"}, show: "`int2vector`, `oidvector`", json: "array of numbers", fields: "`long`", source: everyVersion,
			convert: as("string_to_array(%s::text, ' ')::int8[]", mapped("long"), ""),
		},
		{
			types: []string{
				"xid", "cid", "xid8", "tid", "pg_lsn", "txid_snapshot", "pg_snapshot", "refcursor", "aclitem", "tsquery", "jsonpath",
				"regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc", "regprocedure", "regrole", "regtype",
			},
			show: "`xid`, `xid8`, `tid`, `pg_lsn`, `pg_snapshot`, `txid_snapshot`, `aclitem`, `refcursor`, `tsquery`, `jsonpath`, `reg...`", json: "string", fields: "`keyword`",
			source: "all; `xid8` and `pg_snapshot` since 13", beware: "`xid8` can exceed a `long`.", convert: as("%s", keyword(), ""),
		},
		{
			types: []string{"line", "lseg", "box", "path", "polygon", "circle"}, show: "`line`, `lseg`, `box`, `path`, `polygon`, `circle`", json: "string such as `(1,1),(0,0)`",
			fields: "`keyword`", source: "all; " + chapter + "geometric.html",
			beware: "They are figures on a plane and no places on earth; PostGIS has those.", convert: as("%s", keyword(), ""),
		},
	}
}

// structuredRules are those that make objects of values.
func structuredRules() []rule {
	return []rule{
		{
			types: []string{"json", "jsonb"}, show: "`json`, `jsonb`", json: "as it is",
			fields: "`flattened` if `init` saw objects, else an object with `enabled: false`", source: "all; " + chapter + "json.html",
			beware: "In `flattened` every leaf is a keyword: `term` works, numbers sort as text. It refuses a scalar, for which the row is named. An object with" +
				" `enabled: false` takes everything and cannot be searched by. `json` may have a key twice, which Elasticsearch refuses: cast it to `jsonb`.",
			convert: convertJSON,
		},
		{
			types: []string{"point"}, show: "`point`", json: "`{\"x\": 1.5, \"y\": 2}`", fields: "object of two `double`", source: "all; " + chapter + "geometric.html",
			beware: "It may be a place on a plane. If x is the longitude and y the latitude, write `json_build_array(c[0], c[1])` and map `geo_point`.",
			convert: func(v value) conversion {
				return conversion{
					sql:   fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN json_build_object('x', (%s)[0], 'y', (%s)[1]) END", v.sql, v.sql, v.sql),
					field: object{{"properties", object{{"x", mapped("double")}, {"y", mapped("double")}}}},
					note:  "a place on a plane; if it is longitude and latitude: json_build_array(" + v.sql + "[0], " + v.sql + "[1]), and geo_point in the mapping",
				}
			},
		},
	}
}

func extensionRules() []rule {
	postgis := "PostGIS 3; https://postgis.net/docs/"
	vector := "pgvector; https://github.com/pgvector/pgvector"
	contrib := "all; https://www.postgresql.org/docs/current/"
	return []rule{
		{
			types: []string{"geometry", "geography"}, extension: "postgis", show: "`geometry`, `geography`", json: "GeoJSON in longitude and latitude",
			fields: "`geo_point` if the column holds points only, by its type or by what `init` saw; else `geo_shape`", source: postgis + "ST_AsGeoJSON.html",
			beware: "EMPTY becomes NULL: Elasticsearch refuses it. Distances are on a sphere, and up to 0.6 % from those of `geography`. Other reference systems are transformed to 4326. `geo_shape` needs a distribution with its module;" +
				" where Elasticsearch does not have it, `init` writes `enabled: false`. As it is, the column is hex, of which `geo_point` takes some for a geohash.",
			convert: convertGeometry,
		},
		{
			types: []string{"box2d", "box3d"}, extension: "postgis", show: "`box2d`, `box3d`", json: "string", fields: "`keyword`", source: postgis, convert: as("%s", keyword(), ""),
		},
		{
			types: []string{"raster"}, extension: "postgis_raster", show: "`raster`", json: "left out", fields: "none", source: postgis,
			beware: "It is an image.", convert: leftOut("it is an image"),
		},
		{
			types: []string{"vector"}, extension: "vector", show: "`vector(n)`", json: "array of numbers", fields: "`dense_vector` with its dimensions",
			source: vector,
			beware: "`similarity` is that of the column's index: `vector_cosine_ops` cosine, `vector_ip_ops` max_inner_product, else l2_norm. Cosine refuses a vector of zeros." +
				" Elasticsearch 8.19 keeps vectors as bytes by default, 8.11 does not: where some are far from the others, `\"index_options\": {\"type\": \"hnsw\"}` keeps them apart." +
				" A column without dimensions, or with more than 4,096, is in the document and cannot be searched by.",
			convert: convertVector("%s::real[]"),
		},
		{
			types: []string{"halfvec"}, extension: "vector", show: "`halfvec(n)`", json: "array of numbers", fields: "as `vector`", source: vector + " since 0.7",
			beware: "0.1 is 0.099975586 in it.", convert: convertVector("%s::real[]"),
		},
		{
			types: []string{"sparsevec"}, extension: "vector", show: "`sparsevec(n)`", json: "array of numbers, zeros included", fields: "as `vector`", source: vector + " since 0.7",
			beware: "Elasticsearch's `sparse_vector` takes positive weights only, so it is written out; with more than 4,096 dimensions it stays a string.",
			convert: func(v value) conversion {
				if d := dimensions(v); d == 0 || d > mostDimensions {
					return conversion{sql: v.sql, field: mapped("keyword", member{"index", false}, member{"doc_values", false}), note: "Elasticsearch takes at most 4,096 dimensions: not searchable"}
				}
				return convertVector("%s::" + v.typ.schema + "vector::real[]")(v)
			},
		},
		{
			types: []string{"hstore"}, extension: "hstore", show: "`hstore`", json: "object of strings", fields: "`flattened`", source: contrib + "hstore.html",
			beware:  "All values are strings.",
			convert: as("%s::jsonb", flattened(), ""),
		},
		{
			types: []string{"citext"}, extension: "citext", show: "`citext`", json: "string", fields: "`keyword` with the normalizer `lowercase`, and `.text`", source: contrib + "citext.html",
			beware:  "`term` finds it in any case. PostgreSQL folds letters as the database's locale does, of `C` ASCII only; Elasticsearch folds all. An id is a `keyword` without it, in the spelling of the table.",
			convert: as("%s::text", words(member{"normalizer", "lowercase"}), ""),
		},
		{
			types: []string{"ltree"}, extension: "ltree", show: "`ltree`", json: "`Top.Science.Astronomy`", fields: "`keyword`", source: contrib + "ltree.html",
			beware:  "`prefix: \"Top.Science.\"` finds what is below. Since version 16 labels may hold a hyphen, which sorts before the dot: a range of keywords is no subtree.",
			convert: as("%s::text", keyword(), "for what is below, search by prefix \"a.b.\""),
		},
		{
			types: []string{"lquery", "ltxtquery"}, extension: "ltree", show: "`lquery`, `ltxtquery`", json: "string", fields: "`keyword`", source: contrib + "ltree.html",
			convert: as("%s::text", keyword(), ""),
		},
		{
			types: []string{"query_int"}, extension: "intarray", show: "`query_int`", json: "string", fields: "`keyword`", source: contrib + "intarray.html",
			beware:  "Arrays of integers are plain arrays, with intarray or without it.",
			convert: as("%s::text", keyword(), ""),
		},
	}
}

func leftOut(reason string) func(value) conversion {
	return func(value) conversion { return conversion{note: reason} }
}

func flattened() object {
	// 20 is the default, and deeper values would be refused.
	return mapped("flattened", member{"ignore_above", longestKeyword}, member{"depth_limit", 500})
}

func convertNumeric(v value) conversion {
	c := conversion{sql: v.sql, field: mapped("double")}
	if v.typmod < 4 {
		return c
	}
	// numeric_typmod_scale in PostgreSQL's numeric.c; a negative scale since 15.
	precision, scale := int(v.typmod-4)>>16&0xffff, int(v.typmod-4)&0x7ff^1024-1024
	digits := precision - min(scale, 0)
	switch {
	case scale > 0 && precision > 15:
		c.note = fmt.Sprintf("searches by its first 15 of %d digits; the document has all", precision)
	case scale > 0:
	case digits <= 9:
		c.field = mapped("integer")
	case digits <= 18:
		c.field = mapped("long")
	case digits <= 300:
		c.field = mapped("keyword", member{"fields", object{{"number", mapped("double")}}})
		c.note = "too long for a long: exact as a keyword, and roughly as .number"
	default:
		c.field = mapped("keyword")
	}
	return c
}

func convertBytes(v value) conversion {
	c := conversion{sql: v.sql, field: mapped("binary"), note: "base64; not searchable"}
	if v.inJSON {
		c.sql = "translate(encode(" + v.sql + ", 'base64'), E'\\n', '')"
	}
	return c
}

func convertJSON(v value) conversion {
	c := conversion{sql: v.sql, field: stored()}
	switch {
	case v.look != nil && v.look.rows > 0 && v.look.objects:
		c.field = flattened()
		c.note = fmt.Sprintf("flattened: each leaf is a keyword (all %s rows looked at are objects)", count(v.look.rows))
	case v.look != nil && v.look.rows > 0:
		c.note = "not searchable (enabled: false): not every row is an object"
	default:
		c.note = "not searchable (enabled: false): no row could be looked at; if all are objects, map flattened"
	}
	return c
}

// mostDimensions is the limit of dense_vector in Elasticsearch 8.11 to 9.2.
const mostDimensions = 4096

// dimensions is how many a vector has, or 0 if that is not known.
func dimensions(v value) int {
	if v.typmod > 0 {
		return int(v.typmod)
	}
	if v.look != nil {
		return v.look.dimensions
	}
	return 0
}

func convertVector(template string) func(value) conversion {
	return func(v value) conversion {
		c := conversion{sql: strings.ReplaceAll(template, "%s", v.sql)}
		dims := dimensions(v)
		switch {
		case v.element:
			c.field, c.note = stored(), "not searchable: Elasticsearch takes one vector for a field"
			return c
		case dims == 0:
			c.note = "not searchable: its dimensions are not known"
		case dims > mostDimensions:
			c.note = "not searchable: Elasticsearch takes at most 4,096 dimensions"
		default:
			similarity := similarityOf(v.classes)
			c.field = mapped("dense_vector", member{"dims", dims}, member{"index", true}, member{"similarity", similarity})
			if similarity == "cosine" {
				c.note = "cosine, as in the column's index; a vector of zeros is refused"
			}
			return c
		}
		c.field = mapped("float", member{"index", false}, member{"doc_values", false})
		return c
	}
}

// similarityOf returns what pgvector's index is for. Without one it is l2_norm,
// which takes every vector; cosine refuses one of zeros.
func similarityOf(classes []string) string {
	for _, class := range classes {
		switch {
		case strings.HasSuffix(class, "_cosine_ops"):
			return "cosine"
		case strings.HasSuffix(class, "_ip_ops"):
			return "max_inner_product"
		}
	}
	return "l2_norm"
}

// geometryOf reads geometry(PointZ,4326): the shape in lower case without Z and
// M, or "", and the reference system, or -1 if it is not said.
func geometryOf(name string) (shape string, srid int) {
	_, in, ok := strings.Cut(strings.TrimSuffix(name, ")"), "(")
	if !ok {
		return "", -1
	}
	shape, number, found := strings.Cut(in, ",")
	srid = -1
	if found {
		srid, _ = strconv.Atoi(number) // PostGIS prints nothing else
	}
	shape = strings.ToLower(shape)
	for _, suffix := range []string{"zm", "z", "m"} {
		if cut, ok := strings.CutSuffix(shape, suffix); ok {
			shape = cut
			break
		}
	}
	if shape == "geometry" {
		shape = ""
	}
	return shape, srid
}

func convertGeometry(v value) conversion {
	shape, srid := geometryOf(v.name)
	call := func(function, arguments string) string { return v.typ.schema + function + "(" + arguments + ")" }
	geometry := v.sql
	if v.typ.name == "geography" {
		geometry += "::" + v.typ.schema + "geometry"
		srid = max(srid, 4326)
	}
	degrees := geometry
	switch srid {
	case 4326:
	case -1, 0:
		degrees = fmt.Sprintf("CASE WHEN %s IN (0, 4326) THEN %s ELSE %s END", call("ST_SRID", geometry), geometry, call("ST_Transform", geometry+", 4326"))
	default:
		degrees = call("ST_Transform", geometry+", 4326")
	}
	if shape == "" || strings.Contains(shape, "curve") || strings.Contains(shape, "circular") || strings.Contains(shape, "surface") {
		degrees = call("ST_CurveToLine", degrees) // GeoJSON has no curves
	}
	c := conversion{
		sql:   fmt.Sprintf("CASE WHEN NOT %s THEN %s::json END", call("ST_IsEmpty", geometry), call("ST_AsGeoJSON", degrees)),
		field: mapped("geo_shape"),
	}
	seen := v.look != nil && v.look.rows > 0 && v.look.points
	if shape == "point" || shape == "" && seen {
		c.field = mapped("geo_point")
	}
	if shape == "" && seen {
		c.note = fmt.Sprintf("geo_point: all %s rows looked at are points; else map geo_shape", count(v.look.rows))
	}
	return c
}
