package bulk

import "testing"

func TestFailuresErrorGroupsReasons(t *testing.T) {
	t.Parallel()
	strict := Failure{Status: 400, Type: "strict_dynamic_mapping_exception", Reason: "mapping set to strict"}
	named := func(f Failure, id string) Failure { f.ID = id; return f }
	err := &FailuresError{
		Counts: Counts{Failed: 5},
		First:  []Failure{named(strict, "1"), {ID: "a b\n", Type: notSent, Reason: "the id is odd"}, named(strict, "2")},
	}
	want := `failed documents: 5, allowed: 0: strict_dynamic_mapping_exception: mapping set to strict (1, 2); ` +
		`not_sent: the id is odd ("a b\n"); and 2 more`
	if got := err.Error(); got != want {
		t.Errorf("Error() =\n%s; want\n%s", got, want)
	}
}
