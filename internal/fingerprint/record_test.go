package fingerprint

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestBytesPerDocument(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id   string
		most int
	}{
		"number": {"%d", 15}, "uuid": {"a0eebc99-9c0b-4ef8-bb6d-%012d", 27}, "text": {"person %08d", 26},
	} {
		var e encoder
		const n = 100_000
		for i := range n {
			e.append(1, fmt.Appendf(nil, test.id, 1_000_000+7*i), Print{Hash: uint64(i), Version: int64(i * 31 % 50_000)})
		}
		if per := float64(len(e.buf)) / n; per > float64(test.most) {
			t.Errorf("%.1f bytes for a document with a %s as its id, want at most %d", per, name, test.most)
		}
	}
}

func TestRecordThatIsCutOff(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"1000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "person 1"} {
		var e encoder
		e.append(3, []byte(id), Print{Hash: hashBits, Version: math.MinInt64})
		for n := 1; n < len(e.buf); n++ {
			if err := new(records).decode(e.buf[:n]); err == nil {
				t.Errorf("the first %d of %d bytes of %s are taken for a record", n, len(e.buf), id)
			}
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, id := range []string{
		"", "0", "-0", "-1", "007", "999999999999999999", "9223372036854775808",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b-4ef8-bb6d-6bb9bd380a11-", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1-", "é",
	} {
		f.Add([]byte(id), uint64(1<<40), int64(7), byte(MaxPasses))
	}
	f.Add([]byte("1"), uint64(hashBits), int64(math.MinInt64), byte(0))
	f.Fuzz(func(t *testing.T, id []byte, hash uint64, version int64, pass byte) {
		pass &= MaxPasses
		// Between two others, since a record is the difference from the one before.
		ids := [][]byte{[]byte("-5"), id, []byte("17"), id}
		prints := []Print{{1, math.MaxInt64}, {hash & hashBits, version}, {2, 1}, {hash & hashBits, version}}
		var e encoder
		for i := range ids {
			e.append(pass, ids[i], prints[i])
		}
		var r records
		if err := r.decode(e.buf); err != nil || len(r.list) != e.records {
			t.Fatalf("%d records, %v", len(r.list), err)
		}
		for i, got := range r.list {
			if !slices.Equal(r.id(i), ids[i]) || got.print != prints[i] || got.pass != pass {
				t.Errorf("record %d is %q %v, want %q %v", i, r.id(i), got, ids[i], prints[i])
			}
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	const n = 16384
	ids := make([][]byte, n)
	for i := range ids {
		ids[i] = fmt.Append(nil, 1_000_000+3*i)
	}
	for name, edited := range map[string]int{"unchanged": 0, "edited": 100} {
		b.Run(name, func(b *testing.B) {
			var set Ranges
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c := set.Cursor(i & MaxPasses)
				for at, id := range ids {
					if edited > 0 && (at+i)%edited == 0 {
						continue
					}
					if _, _, err := c.Observe(0, id, Print{Hash: uint64(at)}); err != nil {
						b.Fatal(err)
					}
				}
				c.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/document")
		})
	}
}
