package source

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// spelling is a type of id, with texts that PostgreSQL may take for equal.
type spelling struct {
	typ string // of the column in both tables
	// twin returns another text of the same id, or the text.
	twin func(string) string
	// cast is what the advice says for a type that cannot be an id; %s is the column. "" if it can.
	cast string
}

const insensitive = `CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`

var spellings = map[string]spelling{
	"text":                {`text`, upper, ""},
	"text of ICU":         {`text COLLATE "und-x-icu"`, upper, ""},
	"text of C":           {`text COLLATE "C"`, upper, ""},
	"varchar":             {`varchar(20)`, upper, ""},
	"case does not count": {`text COLLATE insensitive`, upper, `%s COLLATE "C"`},
	"citext":              {`citext`, upper, `%s::text`},
	"char":                {`char(9)`, func(s string) string { return s + "  " }, `%s::text`},
	"numeric":             {`numeric`, func(s string) string { return s + ".00" }, `%s::bigint`},
	"integers":            {`int`, func(s string) string { return "0" + s }, ""},
	"uuid":                {`uuid`, upper, ""},
}

func upper(s string) string { return strings.ToUpper(s) }

// randomIDs returns n texts of which no two are equal by any collation.
func randomIDs(r *rand.Rand, typ string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		switch typ {
		case "int", "numeric":
			ids[i] = fmt.Sprint(10*i + r.IntN(10))
		case "uuid":
			ids[i] = fmt.Sprintf("%08x-abcd-4bcd-8bcd-%012x", i, r.Uint64()>>16)
		default:
			ids[i] = fmt.Sprintf("%c%dé%c", 'a'+rune(r.IntN(26)), i, 'a'+rune(r.IntN(26)))
		}
	}
	return ids
}

// Rows of a list refer to documents by any text that their type takes for equal. They are joined as
// one SQL statement joins them, or the column is refused by name; with what the advice says they are joined.
func TestListRowsAreJoinedAsSQLJoinsThemOrRefused(t *testing.T) {
	t.Parallel()
	for name, s := range spellings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, 1))
			var insert strings.Builder
			for i, id := range randomIDs(r, strings.Fields(s.typ)[0], 60) {
				fmt.Fprintf(&insert, "INSERT INTO parent VALUES ('%s', %d);", id, i)
				for k := range r.IntN(4) {
					if child := id; r.IntN(2) == 0 {
						fmt.Fprintf(&insert, "INSERT INTO child SELECT '%s', %d WHERE '%[1]s'::%[3]s = (SELECT key FROM parent WHERE n = %d);",
							s.twin(child), k, s.typ, i)
					} else {
						fmt.Fprintf(&insert, "INSERT INTO child VALUES ('%s', %d);", child, k)
					}
				}
			}
			url := database(t, "CREATE EXTENSION citext; "+insensitive+
				fmt.Sprintf("CREATE TABLE parent (key %[1]s PRIMARY KEY, n int); CREATE TABLE child (key %[1]s REFERENCES parent, m int);", s.typ),
				insert.String())
			oracle := func(id string) string {
				return fmt.Sprintf(`SELECT %[1]s, jsonb_build_object('id', %[1]s, 'n', p.n, 'children',
					coalesce(jsonb_agg(jsonb_build_object('m', c.m) ORDER BY c.m) FILTER (WHERE c.m IS NOT NULL), '[]'))
					FROM parent p LEFT JOIN child c ON c.key = p.key GROUP BY p.key, p.n`, id)
			}
			src, err := Open(t.Context(), config(url, "id", "SELECT key AS id, n FROM parent", "children", "SELECT key AS id, m FROM child"))
			if s.cast == "" {
				if err != nil {
					t.Fatal(err)
				}
				docs, _ := mustLoad(t, src, 2)
				wantDocs(t, url, oracle("p.key"), docs)
			} else {
				if err == nil {
					_, _, _, err = load(t.Context(), snapshot(t, src), 2)
				}
				conf, row := (*ConfigError)(nil), (*RowError)(nil)
				refused := errors.As(err, &conf) && conf.Column == "id" && conf.Advice != "" || errors.As(err, &row) && row.Column == "id" && row.Advice != ""
				if !refused {
					t.Errorf("%v; want the column by name, and advice", err)
				}
			}
			if s.cast == "" {
				return
			}
			id := fmt.Sprintf(s.cast, "p.key")
			docs, _ := mustLoad(t, open(t, config(url, "id", fmt.Sprintf("SELECT %s AS id, n FROM parent p", id),
				"children", fmt.Sprintf("SELECT %s AS id, m FROM child JOIN parent p ON p.key = child.key", id))), 2)
			wantDocs(t, url, oracle(id), docs)
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		})
	}
}

func TestLookupKeysWithSeveralSpellingsAreRefused(t *testing.T) {
	t.Parallel()
	url := database(t, insensitive+`CREATE TABLE item (id int, post text COLLATE insensitive); CREATE TABLE post (post text COLLATE insensitive, title text)`)
	cfg := config(url, "id", "SELECT id, post FROM item")
	cfg.Lookups = []Lookup{{Query: Query{Name: "posts.sql", SQL: "SELECT post, title FROM post"}}}
	wantConfigError(t, cfg, "different spellings are equal")
	cfg = config(url, "id", `SELECT id, post COLLATE "C" AS post FROM item`)
	cfg.Lookups = []Lookup{{Query: Query{Name: "posts.sql", SQL: `SELECT post COLLATE "C" AS post, title FROM post`}}}
	mustLoad(t, open(t, cfg), 1)
}
