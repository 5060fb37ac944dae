package scaffold

import "testing"

func TestNumericIsMappedByItsPrecision(t *testing.T) {
	t.Parallel()
	typmod := func(precision, scale int32) int32 { return precision<<16 | scale&0x7ff + 4 }
	for _, c := range []struct {
		name   string
		typmod int32
		want   string
	}{
		{"numeric", -1, "double"},
		{"numeric(9)", typmod(9, 0), "integer"},
		{"numeric(10)", typmod(10, 0), "long"},
		{"numeric(18)", typmod(18, 0), "long"},
		{"numeric(19)", typmod(19, 0), "keyword"},
		{"numeric(1000)", typmod(1000, 0), "keyword"},
		{"numeric(12,2)", typmod(12, 2), "double"},
		{"numeric(2,-2)", typmod(2, -2), "integer"},
		{"numeric(2,-8)", typmod(2, -8), "long"},
		{"numeric(3,5)", typmod(3, 5), "double"},
	} {
		if got := convertNumeric(value{sql: "t.n", typmod: c.typmod}).field.get("type"); got != c.want {
			t.Errorf("%s is mapped as %v, want %s", c.name, got, c.want)
		}
	}
}

func TestObjectsAreNamedAfterTheirKey(t *testing.T) {
	t.Parallel()
	for column, want := range map[string]string{
		"country_id": "country", "countryId": "country", "country_code": "country", "countryCode": "country", "country": "country",
		"COUNTRY_ID": "COUNTRY", "id": "id", "_id": "id", "paid": "paid", "Id": "Id", "origin": "origin", "void": "void",
	} {
		if got := objectName(column); got != want {
			t.Errorf("objectName(%q) = %q, want %q", column, got, want)
		}
	}
}
