package source

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/document"
	"example.com/reindex/internal/pgjson"
)

// join runs rows of {id, document JSON} and {id, element JSON} through a batch.
func join(t *testing.T, b *batch, q *query, docs, elements [][2]string) []string {
	t.Helper()
	for _, d := range docs {
		s, err := b.addDocument([]byte(d[0]))
		if err != nil {
			t.Fatal(err)
		}
		b.arena = append(b.arena, d[1]...)
		if err := b.closeDocument(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range elements {
		s := b.find([]byte(e[0]))
		if s < 0 {
			t.Fatalf("find(%q) found nothing", e[0])
		}
		start := len(b.arena)
		b.arena = append(b.arena, e[1]...)
		if err := b.addElement(s, 0, start, q.distinct); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	var j joiner
	err := j.each(b, []*query{q}, func(d document.Document) error {
		got = append(got, string(d.ID)+" "+string(d.JSON))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestBatchJoinsRowsInAnyOrder(t *testing.T) {
	t.Parallel()
	docs := [][2]string{{"10", `{"a":1`}, {"9", `{"a":2`}, {"-3", `{"a":3`}}
	elements := [][2]string{{"9", "2"}, {"10", "5"}, {"9", "1"}, {"9", "2"}}
	for name, tt := range map[string]struct {
		ordered, distinct bool
		want              string
	}{
		"by text":            {false, false, `-3 {"a":3,"l":[]} 9 {"a":2,"l":[1,2,2]} 10 {"a":1,"l":[5]}`},
		"distinct":           {false, true, `-3 {"a":3,"l":[]} 9 {"a":2,"l":[1,2]} 10 {"a":1,"l":[5]}`},
		"as the query wants": {true, false, `-3 {"a":3,"l":[]} 9 {"a":2,"l":[2,1,2]} 10 {"a":1,"l":[5]}`},
		"ordered, distinct":  {true, true, `-3 {"a":3,"l":[]} 9 {"a":2,"l":[2,1]} 10 {"a":1,"l":[5]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBatch(idInteger, 1)
			q := &query{open: `,"l":[`, shut: "]", ordered: tt.ordered, distinct: tt.distinct}
			for range 2 { // the second time with used buffers
				b.reset(1 << 20)
				if got := strings.Join(join(t, b, q, docs, elements), " "); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			}
		})
	}
}

// Repeats are dropped as they come, or when the document is written if they are
// beyond those that a new element is compared with.
func TestBatchDropsRepeatsHoweverMany(t *testing.T) {
	t.Parallel()
	for _, ordered := range []bool{false, true} {
		b := newBatch(idInteger, 1)
		b.reset(1 << 20)
		var elements [][2]string
		var want []string
		for i := range 3 * compared {
			for range 1 + i%3 {
				elements = append(elements, [2]string{"7", fmt.Sprintf("%02d", i)})
			}
			want = append(want, fmt.Sprintf("%02d", i))
		}
		elements = append(elements, elements...)
		q := &query{open: `,"l":[`, shut: "]", ordered: ordered, distinct: true}
		got := join(t, b, q, [][2]string{{"7", `{"a":1`}}, elements)
		if diff := cmp.Diff([]string{`7 {"a":1,"l":[` + strings.Join(want, ",") + `]}`}, got); diff != "" {
			t.Errorf("ordered %t (-want +got):\n%s", ordered, diff)
		}
		if most := len(elements) - 2*compared; len(b.elements) > most {
			t.Errorf("%d elements held, want at most %d", len(b.elements), most)
		}
	}
}

func TestBatchFindsEveryIDWhileItGrows(t *testing.T) {
	t.Parallel()
	for _, family := range []idFamily{idInteger, idText} {
		b := newBatch(family, 0)
		b.reset(64 << 20)
		ids := rand.New(rand.NewPCG(1, 2)).Perm(10_000)
		for _, n := range ids {
			s, err := b.addDocument(fmt.Append(nil, n-5000))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.closeDocument(s); err != nil {
				t.Fatal(err)
			}
		}
		for i, n := range ids {
			if s := b.find(fmt.Append(nil, n-5000)); s != int32(i) {
				t.Fatalf("find(%d) = %d, want %d", n-5000, s, i)
			}
		}
		if s := b.find([]byte("10001")); s != -1 {
			t.Errorf("find of an id that is not there = %d, want -1", s)
		}
		if _, err := b.addDocument([]byte("17")); !errors.Is(err, errTwice) {
			t.Errorf("adding an id again = %v, want %v", err, errTwice)
		}
		order := b.order(nil)
		for i := 1; i < len(order); i++ {
			if b.compare(order[i-1], order[i]) >= 0 {
				t.Fatalf("%s is not before %s", b.idOf(order[i-1]), b.idOf(order[i]))
			}
		}
	}
}

// BenchmarkJoin turns the rows of a range into documents, without a database:
// 10 columns, 7 elements of one list per document.
func BenchmarkJoin(b *testing.B) {
	const documents, perDocument = 16384, 7
	q, l := &query{name: "d", version: -1}, &query{name: "l", id: 0, open: `,"list":[`, shut: "]", closing: "}"}
	for i := range 10 {
		q.columns = append(q.columns, column{prefix: fmt.Sprintf(`,"column%d":`, i), typ: &pgjson.Type{}})
	}
	l.columns = []column{{name: "id"}, {prefix: `{"trustId":`, typ: &pgjson.Type{Kind: pgjson.KindInteger}}}
	row := make([][]byte, len(q.columns))
	for i := range row {
		row[i] = []byte("Programme of X")
	}
	ids := make([][]byte, documents)
	for i := range ids {
		ids[i] = fmt.Append(nil, 1_000_000+7*i)
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(documents * perDocument)
	st := &stream{
		source: &Source{document: q, lists: []*query{l}}, batch: newBatch(idInteger, 1), orphans: make([]Orphans, 1),
	}
	q.family = idInteger
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		st.batch.reset(64 << 20)
		for _, id := range ids {
			row[0] = id
			if err := st.addDocument(row); err != nil {
				b.Fatal(err)
			}
		}
		element := [][]byte{nil, []byte("123")}
		for _, n := range order {
			element[0] = ids[n%documents]
			if err := st.addElement(0, l, element); err != nil {
				b.Fatal(err)
			}
		}
		if err := st.emit(idRange{}, func(document.Document) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-start).Nanoseconds())/float64(b.N)/documents, "cpu-ns/doc")
}
