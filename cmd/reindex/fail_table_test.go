package main

import (
	"strings"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
)

// mustFail is a configuration that cannot work: check says so, and a run says the
// same when it comes to it.
type mustFail struct {
	document, lists string // SQL; the default is that of notes
	settings        string // members of the settings
	properties      string // of the mapping, instead of those of notes
	prepare         func(*testing.T, *project)
	check           string // in the output of check
	run             int    // exit status
	says            string // in what run prints; the default is check's
}

// oddNotes have one column of every kind that the table needs.
const oddNotes = `
CREATE TABLE note (id bigint PRIMARY KEY, title text, rev bigint, done boolean, price money, place point, span int4range,
	addr inet, day text, word text, twin json, big numeric, at timestamptz, empty text, vec real[], js jsonb);
INSERT INTO note SELECT i, 'note ' || i, 1, true, 12.5, point(1, 2), '[1,5)', '10.1.2.3/24', '2024-13-45', 'a word', '{"a":1,"a":2}',
	repeat('9', 1200)::numeric, 'infinity', '', '{1,2}', '{"deep": {"a": 1}}' FROM generate_series(1, 5) i;
CREATE TABLE tag (note_id bigint, position int, tag text);
INSERT INTO tag SELECT i, k, 'tag' FROM generate_series(1, 5) i, generate_series(1, 3) k;
CREATE TABLE secret (id bigint); CREATE TABLE word (id bigint, w text); INSERT INTO word VALUES (1, 'x');`

// field is a mapping of id and one column.
func field(mapping string) string { return `"id": {"type": "long"}, "c": ` + mapping }

//nolint:funlen // a table
func failures() map[string]mustFail {
	column := func(sql string) string { return "SELECT id, " + sql + " AS c FROM note" }
	return map[string]mustFail{
		// The index body.
		"a setting that there is not":        {settings: `"number_of_shardz": 1`, check: "unknown setting [index.number_of_shardz]", run: 2},
		"a setting of a wrong value":         {settings: `"refresh_interval": "soon"`, check: "refresh_interval", run: 2},
		"more shards than an index may have": {settings: `"number_of_shards": 2000`, check: "number_of_shards", run: 1, says: "a new index takes 2000"},
		"a type that there is not":           {document: column("title"), properties: field(`{"type": "longg"}`), check: "longg", run: 2},
		"a parameter that there is not":      {document: column("title"), properties: field(`{"type": "long", "colour": "red"}`), check: "colour", run: 2},
		"an analyzer that there is not":      {document: column("title"), properties: field(`{"type": "text", "analyzer": "nope"}`), check: "nope", run: 2},
		"a metadata field in the mapping":    {properties: `"id": {"type": "long"}, "_id": {"type": "long"}`, check: "_id", run: 2},
		"an empty name in the mapping":       {properties: `"id": {"type": "long"}, "": {"type": "long"}`, check: "name cannot be an empty string", run: 2},
		"more fields than the limit":         {settings: `"index.mapping.total_fields.limit": 2`, check: "Limit of total fields [2]", run: 2},
		"more nested fields than the limit":  {settings: `"index.mapping.nested_fields.limit": 0`, properties: `"id": {"type": "long"}, "tags": {"type": "nested"}`, check: "nested fields", run: 2},
		"a vector of too many dimensions":    {document: column("vec"), properties: field(`{"type": "dense_vector", "dims": 5000}`), check: "number of dimensions should be in the range", run: 2},
		"a write block":                      {settings: `"index.blocks.write": true`, check: "index.blocks.write", run: 1, says: "index.blocks.*"},
		"a pipeline that there is not":       {settings: `"index.default_pipeline": "nope"`, check: `"nope"`, run: 2, says: "[nope] does not exist"},
		"a final pipeline that there is not": {settings: `"index.final_pipeline": "nope"`, check: `"nope"`, run: 2, says: "[nope] does not exist"},
		// Documents and the mapping.
		"a column that a strict mapping lacks": {properties: `"id": {"type": "long"}, "title": {"type": "keyword"}`, check: "dynamic introduction of [", run: 3},
		"a list that a strict mapping lacks":   {properties: `"id": {"type": "long"}, "title": {"type": "keyword"}, "rev": {"type": "long"}, "done": {"type": "boolean"}`, check: "dynamic introduction of [tags]", run: 3},
		"a name mapped as long":                {document: column("title"), properties: field(`{"type": "long"}`), check: "field [c] of type [long]", run: 3},
		"money as double":                      {document: column("price"), properties: field(`{"type": "double"}`), check: "field [c] of type [double]", run: 3},
		"a point as geo_point":                 {document: column("place"), properties: field(`{"type": "geo_point"}`), check: "field [c] of type [geo_point]", run: 3},
		"a range as integer_range":             {document: column("span"), properties: field(`{"type": "integer_range"}`), check: "field [c] of type [integer_range]", run: 3},
		"an address with a netmask as ip":      {document: column("addr"), properties: field(`{"type": "ip"}`), check: "an address with a netmask", run: 3},
		"a text that is no date":               {document: column("day"), properties: field(`{"type": "date"}`), check: "a text that is no date", run: 3},
		"an empty text as date":                {document: column("empty"), properties: field(`{"type": "date"}`), check: "an empty text", run: 3},
		"a text as boolean":                    {document: column("word"), properties: field(`{"type": "boolean"}`), check: "neither [true] nor [false]", run: 3},
		"an object as keyword":                 {document: column("js"), properties: field(`{"type": "keyword"}`), check: "field [c] of type [keyword]", run: 3},
		"a text as object":                     {document: column("word"), properties: field(`{"properties": {"a": {"type": "long"}}}`), check: "found a concrete value", run: 3},
		"a json value with a key twice":        {document: column("twin"), properties: field(`{"type": "object", "enabled": false}`), check: "Duplicate field [a]", run: 3},
		"a number of 1,200 digits":             {document: column("big"), properties: field(`{"type": "keyword"}`), check: "a number of 1200 digits", run: 3},
		"a vector of another length":           {document: column("vec"), properties: field(`{"type": "dense_vector", "dims": 3}`), check: "number of dimensions [2]", run: 3},
		"more list elements than the limit":    {settings: `"index.mapping.nested_objects.limit": 2`, properties: `"id": {"type": "long"}, "title": {"type": "keyword"}, "rev": {"type": "long"}, "done": {"type": "boolean"}, "tags": {"type": "nested", "properties": {"tag": {"type": "keyword"}}}`, check: "exceeded the allowed limit of [2]", run: 3},
		"a metadata field as a column":         {document: `SELECT id, title AS "_source" FROM note`, properties: `"id": {"type": "long"}`, check: "[_source] is a metadata field", run: 3},
		"the number of documents as a column":  {document: `SELECT id, 5 AS "_doc_count" FROM note`, properties: `"id": {"type": "long"}`, check: "multiplies counts by it", run: 1},
		// The source.
		"a date that is infinite":            {document: column("at"), properties: field(`{"type": "date"}`), check: `column "c"`, run: 1},
		"a cast that fails":                  {document: column("word::int"), properties: field(`{"type": "long"}`), check: "invalid input syntax for type integer", run: 1},
		"a table that there is not":          {document: "SELECT id FROM nowhere", check: `relation "nowhere" does not exist`, run: 2},
		"a column that there is not":         {document: "SELECT id, colour FROM note", check: `column "colour" does not exist`, run: 2},
		"a query without the id":             {document: "SELECT title FROM note", check: `column "id": is not a column`, run: 2},
		"an id of a type that cannot be one": {document: "SELECT price AS id, title FROM note", check: "cannot be an id", run: 2},
		"a query that fans out":              {document: "SELECT n.id, tag FROM note n JOIN tag ON note_id = n.id", check: "more than one row for id 1", run: 1, says: "fans out"},
		"a list without its id":              {lists: "SELECT tag FROM tag", check: `column "id": is not a column`, run: 2},
		"an id of NULL":                      {document: "SELECT nullif(id, 3) AS id, title FROM note", properties: `"id": {"type": "long"}, "title": {"type": "keyword"}`, check: "NULL as their id", run: 1},
		// The cluster.
		"a template of data streams": {prepare: func(t *testing.T, p *project) {
			t.Helper()
			p.template(t, p.alias+"-*", `"data_stream": {}`)
		}, check: "creates data streams only", run: 2},
		"a template with an alias": {prepare: func(t *testing.T, p *project) {
			t.Helper()
			p.template(t, p.alias+"-*", `"template": {"aliases": {"`+p.alias+`-all": {}}}`)
		}, check: "gives every new index an alias", run: 10, says: "with other aliases than its own"},
		"a template on the lock": {prepare: func(t *testing.T, p *project) {
			t.Helper()
			p.template(t, "lock-"+p.alias, `"template": {"settings": {"index.default_pipeline": "nope"}}`)
		}, check: "which a run keeps its lock", run: 2, says: "[nope] does not exist"},
		"an index named like the alias": {prepare: func(t *testing.T, p *project) {
			t.Helper()
			p.ask(t, "PUT", "/"+p.alias, `{"settings": {"number_of_replicas": 0}}`)
		}, check: "an index", run: 10},
	}
}

func TestCheckSaysFirstWhatARunWouldFailOver(t *testing.T) {
	t.Parallel()
	db := stacktest.Database(t)
	sqlExec(t, db, oddNotes)
	for name, tt := range failures() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := notes()
			if tt.document != "" {
				d.document, d.lists = tt.document, nil
			}
			if tt.lists != "" {
				d.lists = map[string]string{"tags": tt.lists}
			}
			if tt.properties != "" {
				d.body = `{"settings": {"number_of_replicas": 0}, "mappings": {"dynamic": "strict", "properties": {` + tt.properties + `}}}`
			}
			if tt.settings != "" {
				d.body = strings.Replace(d.body, `"settings": {`, `"settings": {`+tt.settings+`, `, 1)
				if strings.Contains(tt.settings, "number_of_shards\"") {
					d.body = strings.Replace(d.body, `, "number_of_shards": 1`, "", 1)
				}
			}
			p := newProject(t, db, d)
			if tt.prepare != nil {
				tt.prepare(t, p)
			}
			before := p.indices(t, p.alias+"*")
			checked := p.run(t, "check")
			if checked.code != 1 || !strings.Contains(checked.stdout, tt.check) {
				t.Errorf("check: want status 1 and %q, got %s", tt.check, checked)
			}
			if after := p.indices(t, p.alias+"*"); len(after) != len(before) {
				t.Errorf("check left %v behind, before there was %v", after, before)
			}
			says := tt.says
			if says == "" {
				says = tt.check
			}
			if r := p.run(t, "run"); r.code != tt.run || !strings.Contains(r.stderr+r.stdout, says) {
				t.Errorf("run: want status %d and %q, got %s", tt.run, says, r)
			}
		})
	}
}
