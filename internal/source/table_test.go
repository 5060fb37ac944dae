package source

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// row is what one key adds, as the pieces of a table.
func row(pieces ...string) []byte {
	var out []byte
	for _, p := range pieces {
		start := len(out)
		out = append(openPiece(out), p...)
		closePiece(out, start)
	}
	return openPiece(out)
}

// pieces joins what a row adds, or is "-" for no row.
func pieces(row []byte) string {
	if row == nil {
		return "-"
	}
	var list []string
	for piece, rest := nextPiece(row); piece != nil; piece, rest = nextPiece(rest) {
		list = append(list, string(piece))
	}
	return strings.Join(list, " ")
}

func TestTableFindsEveryKey(t *testing.T) {
	t.Parallel()
	keys := func(key func(i int64) string) (list []string) {
		for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(5000) {
			list = append(list, key(int64(i)))
		}
		return list
	}
	for name, tt := range map[string]struct {
		keys     []string
		integers bool
		dense    bool
	}{
		"a sequence":              {keys(func(i int64) string { return fmt.Sprint(i) }), true, true},
		"with gaps, below zero":   {keys(func(i int64) string { return fmt.Sprint(3*i - 7000) }), true, true},
		"at the end of int8":      {keys(func(i int64) string { return fmt.Sprint(math.MaxInt64 - i) }), true, true},
		"far from each other":     {keys(func(i int64) string { return fmt.Sprint(i * 1_000_003) }), true, false},
		"both ends of int8":       {[]string{"-9223372036854775808", "0", "9223372036854775807"}, true, false},
		"one integer":             {[]string{"17"}, true, true},
		"text":                    {keys(func(i int64) string { return fmt.Sprintf("key %d", i) }), false, false},
		"text that looks integer": {keys(func(i int64) string { return fmt.Sprint(i) }), false, false},
		"no key, integers":        {nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTableBuilder(1 << 20)
			for i, key := range tt.keys {
				if err := b.add([]byte(key), row(fmt.Sprint("a", i%7), fmt.Sprint("b", i))); err != nil {
					t.Fatal(err)
				}
			}
			table := b.table(tt.integers)
			if got := table.byValue(); got != tt.dense {
				t.Errorf("found by value: %t, want %t", got, tt.dense)
			}
			for i, key := range tt.keys {
				if got, want := pieces(table.find([]byte(key))), fmt.Sprint("a", i%7, " b", i); got != want {
					t.Fatalf("find(%s) = %s, want %s", key, got, want)
				}
			}
			for _, key := range []string{"-7001", "9", "5000", "100000", "9223372036854775806", "-9223372036854775807"} {
				if !strings.Contains(" "+strings.Join(tt.keys, " ")+" ", " "+key+" ") && table.find([]byte(key)) != nil {
					t.Errorf("find(%s) found a row of another key", key)
				}
			}
		})
	}
}

func TestTableSharesEqualRows(t *testing.T) {
	t.Parallel()
	b := newTableBuilder(1 << 20)
	for i := range 10_000 {
		// One row begins like the other: only whole rows are equal.
		r := row("a", "b")
		if i%2 == 0 {
			r = row("a")
		}
		if err := b.add(fmt.Append(nil, i), r); err != nil {
			t.Fatal(err)
		}
	}
	table := b.table(true)
	if got, most := table.rowBytes, len(row("a"))+len(row("a", "b")); got > most {
		t.Errorf("rows take %d bytes, want at most %d", got, most)
	}
	if got := pieces(table.find([]byte("4"))) + "," + pieces(table.find([]byte("5"))); got != "a,a b" {
		t.Errorf("found %s, want a,a b", got)
	}
}

// Rows that differ are kept once, in whatever order they come: a few, whose set of
// places is full, again.
func TestTableSharesRowsThatComeFarApart(t *testing.T) {
	t.Parallel()
	const different, times = 10_000, 5
	b := newTableBuilder(8 << 20)
	want := 0
	for i := range different {
		want += len(row(fmt.Sprint("row ", i)))
	}
	for i, n := range rand.New(rand.NewPCG(1, 2)).Perm(different * times) {
		if err := b.add(fmt.Append(nil, i), row(fmt.Sprint("row ", n%different))); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.table(true).rowBytes; got > want+want/100 {
		t.Errorf("rows take %d bytes, want %d or a hundredth more", got, want)
	}
}

// Up to 65,535 rows are found by a number of 16 bits.
func TestTableNumbersRows(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{math.MaxUint16 - 1, math.MaxUint16, math.MaxUint16 + 1, math.MaxUint16 + 2} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			t.Parallel()
			b := newTableBuilder(8 << 20)
			for i := range rows {
				if err := b.add(fmt.Append(nil, i), row(fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			table := b.table(true)
			if got, want := table.narrow != nil, rows <= math.MaxUint16; got != want {
				t.Errorf("16 bits: %t, want %t", got, want)
			}
			for i := range rows {
				if got, want := pieces(table.find(fmt.Append(nil, i))), fmt.Sprint(i); got != want {
					t.Fatalf("find(%d) = %s", i, got)
				}
			}
		})
	}
}

func TestTableRefuses(t *testing.T) {
	t.Parallel()
	b := newTableBuilder(8 << 10)
	if err := b.add([]byte("k"), row("a")); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		key, piece string
		want       error
	}{
		"a key twice":         {"k", "b", errKeyTwice},
		"a key that is long":  {strings.Repeat("k", maxIDBytes+1), "b", errKeyLong},
		"more than its limit": {"other", strings.Repeat("x", 8<<10), errTooLarge},
	} {
		if err := b.add([]byte(tt.key), row(tt.piece)); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if got := pieces(b.table(false).find([]byte("k"))); got != "a" {
		t.Errorf("find(k) = %s after refusals, want a", got)
	}
}
