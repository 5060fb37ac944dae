package bulk

import (
	"strings"
	"testing"
)

// The reasons are those of 8.19.7 and 7.17 with "secret" for what a document
// held.
func TestScrub(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ reason, want string }{
		"a preview":           {`[1:6] failed to parse field [a] of type [long] in document with id '2'. Preview of field's value: 'secret'`, "failed to parse field [a] of type [long]"},
		"a preview of quotes": {`[1:6] failed to parse field [a] of type [date] in document with id 'O'Hara'. Preview of field's value: '{x='secret'}'`, "failed to parse field [a] of type [date]"},
		"a token": {
			"[1:2] failed to parse: [1:17] Unrecognized token 'secret': was expecting (JSON String, Number)\n at [Source: (byte[])\"{\"a\":secret}\"; line: 1, column: 17]",
			"failed to parse: Unrecognized token",
		},
		"a strict mapping": {`[1:7] mapping set to strict, dynamic introduction of [zz] within [_doc] is not allowed`, "mapping set to strict, dynamic introduction of [zz] within [_doc] is not allowed"},
		"a number":         {`Numeric value (8888secret) out of range of long (-9223372036854775808 - 9223372036854775807)`, "Numeric value"},
		"a date":           {`failed to parse date field [secret] with format [strict_date_optional_time]`, "failed to parse"},
		"a boolean":        {`Failed to parse value [secret] as only [true] or [false] are allowed.`, "Failed to parse"},
		"a number format":  {`For input string: "secret"`, "For input string"},
		"an immense term": {
			`Document contains at least one immense term in field="surname" (whose UTF8 encoding is longer than the max length 32766), The prefix of the first immense term is: '[115, 101]...'`,
			"Document contains at least one immense term in field [surname]",
		},
		"a block":            {`index [p-1] blocked by: [FORBIDDEN/8/index write (api)];`, "index [p-1] blocked by: [FORBIDDEN/8/index write"},
		"brackets in front":  {`[5]: version conflict`, "[5]: version conflict"},
		"nothing":            {``, ""},
		"a very long reason": {strings.Repeat("é", 200), strings.Repeat("é", 150) + "..."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := scrub(tt.reason)
			if got != tt.want {
				t.Errorf("scrub() = %q; want %q", got, tt.want)
			}
			if strings.Contains(got, "secret") {
				t.Errorf("scrub() = %q lets document content through", got)
			}
		})
	}
}

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
