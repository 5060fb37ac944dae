package drift_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/drift"
	"example.com/reindex/internal/readback"
)

// summarize is a report's kinds as text, in the order people are told.
func summarize(found map[drift.Kind]drift.Found) string {
	var parts []string
	for _, kind := range drift.Kinds() {
		if f := found[kind]; f.Count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s %v", f.Count, kind, f.First))
		}
	}
	return strings.Join(parts, "; ")
}

func wantLevel(t *testing.T, s *stock) {
	t.Helper()
	r, err := s.verify(t)
	if err != nil || r.Outcome != drift.OutcomeEqual || r.Rounds != 1 {
		t.Errorf("verify = %s after %d rounds, %v; want equal after 1", r.Outcome, r.Rounds, err)
	}
}

func wantDrift(t *testing.T, s *stock, want string) {
	t.Helper()
	r, err := s.verify(t)
	var unequal *drift.Error
	if !errors.As(err, &unequal) || r.Outcome != drift.OutcomeDrift {
		t.Fatalf("verify = %s, %v; want drift", r.Outcome, err)
	}
	if diff := cmp.Diff(want, summarize(r.Found)); diff != "" {
		t.Error(diff)
	}
	if pits := s.pits(t); !strings.Contains(pits, "open_contexts:0") {
		t.Errorf("a point in time was left open: %s", pits)
	}
}

func TestVerifyFindsAndRepairsEachKind(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		t.Run(fmt.Sprintf("versions %t", versions), func(t *testing.T) {
			t.Parallel()
			s := newStock(t, integers(versions), 40)
			wantLevel(t, s)
			s.delete(t, "3", 10)
			s.sql(t, `INSERT INTO item VALUES (121, 'never delivered')`)
			s.sql(t, `DELETE FROM item WHERE id = 9`)
			s.put(t, "500", 3, `{"id":500,"name":"nobody","tags":[]}`)
			s.put(t, "no-id", 3, `{"name":"without an id"}`)
			s.put(t, "12", 10, `{"id":12,"name":"wrong","price":1.50,"tags":[{"tag":"a"},{"tag":"b"}]}`)
			s.put(t, "15", 10, `{"id":15,"name":"item 5","price":1.50,"tags":[]}`)
			s.put(t, "copy", 10, `{"id":18,"name":"item 6","price":1.50,"tags":[{"tag":"a"},{"tag":"b"}]}`)
			wantDrift(t, s, "2 missing [3 121]; 3 extra [9 500 no-id]; 2 different [12 in name 15 in tags]; 1 duplicate [18 as _id copy]")
			r, err := s.repair(t)
			if err != nil || r.Outcome != drift.OutcomeRepaired {
				t.Fatalf("repair = %s, %v; want repaired", r.Outcome, err)
			}
			if diff := cmp.Diff([]int64{2, 2, 4, 0, 0, 40}, []int64{r.Created, r.Updated, r.Deleted, r.LeftToWriters, r.Failed, r.Documents}); diff != "" {
				t.Error(diff)
			}
			wantLevel(t, s)
		})
	}
}

func TestVerifyTakesNoSpellingForADifference(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(true), 5)
	s.put(t, "3", 10, `{"tags":[{"tag":"b"},{"tag":"a"}], "price": 15e-1, "name":"\u0069tem 1", "id":3.0}`)
	wantLevel(t, s)
}

func TestVerifyReadsUUIDsAndTextInOrder(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]kindOfStock{
		"uuid": {id: "uuid", value: "md5($i::text)::uuid", mapping: "keyword", versions: true},
		"text": {id: `text COLLATE "C"`, value: "chr(64 + $i % 60) || 'é' || $i", mapping: "keyword"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStock(t, k, 60)
			wantLevel(t, s)
			s.sql(t, `DELETE FROM item WHERE name = 'item 1'; UPDATE item SET price = 2, rev = 11 WHERE name = 'item 2'`)
			s.sql(t, `INSERT INTO item SELECT `+strings.ReplaceAll(k.value, "$i", "1000")+`, 'new'`)
			r, err := s.verify(t)
			if err == nil || len(r.Found) != 3 {
				t.Errorf("verify found %q, %v; want one missing, extra and different each", summarize(r.Found), err)
			}
			if r, err := s.repair(t); err != nil {
				t.Errorf("repair left %q, %v", summarize(r.Left), err)
			}
			wantLevel(t, s)
		})
	}
}

func TestVerifyRefusesSourceInAnotherOrder(t *testing.T) {
	t.Parallel()
	s := newStock(t, kindOfStock{id: "bigint", value: "$i * 3", mapping: "keyword"}, 40)
	var order *drift.OrderError
	if _, err := s.verify(t); !errors.As(err, &order) || order.ID != "12" || order.Previous != "9" {
		t.Errorf("verify = %v; want *OrderError for 12 after 9", err)
	}
}

func TestVerifyRefusesIDsThatCannotBeSorted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		`text`:                              "is mapped as text",
		`keyword","ignore_above":1,"x":"`:   "has a value that a search does not see",
		`keyword","doc_values":false,"x":"`: "without doc_values",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			mapping := strings.TrimSuffix(name, `,"x":"`)
			s := newStock(t, integers(false), 5)
			index := s.alias + "-other"
			s.do(t, http.MethodPut, "/"+index, `{"mappings":{"properties":{"id":{"type":"`+closed(mapping)+`}}}}`)
			s.do(t, http.MethodPut, "/"+index+"/_doc/12", `{"id":"12"}`)
			s.moveAlias(t, index)
			var field *readback.FieldError
			if _, err := s.verify(t); !errors.As(err, &field) || !strings.Contains(err.Error(), want) {
				t.Errorf("verify = %v; want *FieldError that says %q", err, want)
			}
		})
	}
}

// closed ends the string of a mapping that is only a type.
func closed(mapping string) string {
	if strings.Contains(mapping, `"`) {
		return mapping
	}
	return mapping + `"`
}

// moveAlias puts the alias on an index that no run made.
func (s *stock) moveAlias(t *testing.T, index string) {
	t.Helper()
	s.do(t, http.MethodPost, "/_aliases", `{"actions":[{"remove":{"index":"`+s.alias+`-000001","alias":"`+s.alias+
		`"}},{"add":{"index":"`+index+`","alias":"`+s.alias+`"}}]}`)
}

func TestVerifyNamesDuplicatesOfAnIndexWithGeneratedIDs(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(false), 3)
	index := s.alias + "-other"
	s.do(t, http.MethodPut, "/"+index, `{"mappings":{"properties":{"id":{"type":"long"}}}}`)
	for _, id := range []int{3, 6, 3, 6} {
		s.do(t, http.MethodPost, "/"+index+"/_doc?refresh=true", fmt.Sprintf(`{"id":%d,"name":"item %d","price":1.5,"tags":[]}`, id, id/3))
	}
	s.moveAlias(t, index)
	r, err := s.verify(t)
	if err == nil || r.Found[drift.Duplicate].Count != 4 || r.Found[drift.Missing].Count != 1 {
		t.Errorf("verify = %q, %v; want 4 duplicates and 1 missing", summarize(r.Found), err)
	}
	first := r.Found[drift.Duplicate].First[0]
	if first.ID != "3" || len(first.DocID) != 20 {
		t.Errorf("first duplicate is %+v; want id 3 and a generated _id", first)
	}
	var shape *esalias.ShapeError
	if _, err := s.repair(t); !errors.As(err, &shape) || !strings.Contains(shape.Hint(), "rebuild") {
		t.Errorf("repair = %v; want *ShapeError with a hint to rebuild", err)
	}
}

func TestVerifyOfNothingIsAShapeError(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(false), 1)
	s.do(t, http.MethodPost, "/_aliases", `{"actions":[{"remove":{"index":"`+s.alias+`-000001","alias":"`+s.alias+`"}}]}`)
	var shape *esalias.ShapeError
	if _, err := s.verify(t); !errors.As(err, &shape) {
		t.Errorf("verify = %v; want *ShapeError", err)
	}
}

func TestVerifySaysWhenTheAliasMoves(t *testing.T) {
	t.Parallel()
	s := newStock(t, integers(true), 20)
	moved := false
	s.meddle(func(int) {
		if !moved {
			moved = true
			s.do(t, http.MethodPut, "/"+s.alias+"-other", "")
			s.moveAlias(t, s.alias+"-other")
		}
	})
	r, err := s.verify(t)
	if err == nil || r.Outcome != "" || !strings.Contains(err.Error(), "moved from") {
		t.Errorf("verify = %s, %v; want an error that says that the alias moved", r.Outcome, err)
	}
}
