package redact

import (
	"maps"
	"regexp"
	"slices"
)

// states returns what is known of the messages of a statement that runs, by
// SQLSTATE. A text without groups holds no value by itself.
func states() map[string][]shape {
	const (
		word  = `([a-z_ ]{1,60}(?:\(\d{1,10}(?:,\d{1,10})?\))?)` // a type, such as character varying(10)
		fixed = `([A-Za-z ,'-]{1,200})`
	)
	table := map[string][][2]string{
		"21000": {{`^more than one row returned by a subquery used as an expression$`, "more than one row returned by a subquery used as an expression"}},
		"22P02": {
			{`^invalid input syntax for type ` + word + `(?:: |$)`, "invalid input syntax for type $1"},
			{`^invalid input value for enum ` + `([a-z_0-9."]{1,120})` + `: `, "invalid input value for enum $1"},
			{`^"` + value + `" is not a valid (binary|hexadecimal) digit$`, "not a valid $1 digit"},
			{`^malformed (array|range|record|multirange) literal: `, "malformed $1 literal"},
		},
		"22003": {
			{`^([a-z]{1,20}) out of range(?:: (?:over|under)flow)?$`, "$1 out of range"},
			{`^value "?` + value + `"? is out of range for type ` + word + `$`, "value is out of range for type $1"},
			{`^numeric field overflow$`, "numeric field overflow"},
			{`^value (?:over|under)flows numeric format$`, "value overflows numeric format"},
			{`^value out of range: (overflow|underflow)$`, "value out of range: $1"},
		},
		"22012": {{`^division by zero$`, "division by zero"}},
		"22007": {{`^invalid input syntax for type ` + word + `: `, "invalid input syntax for type $1"}, {`^invalid value "`, "invalid value in a date or time format"}},
		"22008": {
			{`^date/time field value out of range: `, "date/time field value out of range"},
			{`^(timestamp|date|interval|time) out of range`, "$1 out of range"},
		},
		"22009": {{`^(?:time zone displacement out of range|interval time zone)`, "time zone displacement out of range"}},
		"22001": {{`^value too long for type ` + word + `$`, "value too long for type $1"}},
		"22026": {{`^bit string length `, "the length of a bit string does not match its type"}},
		"22021": {{`^invalid byte sequence for encoding "([A-Z0-9_]{1,20})"`, `invalid byte sequence for encoding "$1"`}, {`^null character not permitted$`, "null character not permitted"}},
		"22P05": {{`^unsupported Unicode escape sequence$`, "unsupported Unicode escape sequence"}, {`^character with byte sequence`, "a character has no equivalent in another encoding"}},
		"22P03": {{`^incorrect binary data format`, "incorrect binary data format"}},
		"22030": {{`^duplicate JSON object key value`, "duplicate JSON object key value"}},
		"22023": {
			{`^invalid snapshot identifier: "([0-9A-F-]{1,40})"$`, `invalid snapshot identifier: "$1"`},
			{`^cannot call ([a-z_]{1,60}) on (?:a|an) ([a-z-]{1,20})$`, "cannot call $1 on $2"},
			{`^cannot extract elements from (?:a|an) ([a-z]{1,20})$`, "cannot extract elements from $1"},
			{`^(step size cannot equal zero|count must be greater than zero|field position must not be zero)$`, "$1"},
			{`^time zone "` + value + `" not recognized$`, "time zone not recognized"},
			{`^cannot cast jsonb ([a-z ]{1,30}) to type ` + word + `$`, "cannot cast jsonb $1 to type $2"},
		},
		"2201B": {{`^invalid regular expression`, "invalid regular expression"}},
		"2201E": {{`^cannot take logarithm of `, "cannot take the logarithm of zero or of a negative number"}},
		"2201F": {{`^cannot take square root of a negative number$`, "cannot take square root of a negative number"}},
		"2201G": {{`^` + fixed + `$`, "invalid argument for width_bucket"}},
		"2202E": {{`^(wrong number of array subscripts|array subscript out of range)$`, "$1"}},
		"22000": {{`^range lower bound must be less than or equal to range upper bound$`, "range lower bound must be less than or equal to range upper bound"}},
		"22011": {{`^negative substring length not allowed$`, "negative substring length not allowed"}},
		"22004": {{`^domain ([a-z_0-9."]{1,120}) does not allow null values$`, "domain $1 does not allow null values"}},
		"23502": {{`^domain ([a-z_0-9."]{1,120}) does not allow null values$`, "domain $1 does not allow null values"}},
		"23514": {{`^value for domain ([a-z_0-9."]{1,120}) violates check constraint "([a-z_0-9 ]{1,120})"$`, "value for domain $1 violates check constraint $2"}},
		"54000": {{`^(array size exceeds the maximum allowed|total size of jsonb (?:object elements|array elements) exceeds the maximum of \d+ bytes)`, "$1"}},
		"54001": {{`^stack depth limit exceeded$`, "stack depth limit exceeded"}},
		"42501": {
			{`^permission denied for (table|view|schema|function|sequence|foreign table|materialized view|column) ([\pL\pN_."-]{1,130})$`, "permission denied for $1 $2"},
			{`^query would be affected by row-level security policy for table "([\pL\pN_-]{1,63})"$`, `query would be affected by row-level security policy for table "$1"`},
		},
		"42P01": {{`^relation "([\pL\pN_.-]{1,130})" does not exist$`, `relation "$1" does not exist`}},
		"42883": {{`^function ([a-z_0-9.]{1,100})\([a-z0-9 ,_."\[\]]{0,200}\) does not exist$`, "function $1 does not exist"}},
		"42703": {{`^column ("?[\pL\pN_.-]{1,130}"?) does not exist$`, `column $1 does not exist`}},
		"0A000": {{`^cached plan must not change result type$`, "cached plan must not change result type"}},
		"40001": {{`^(canceling statement due to conflict with recovery|could not serialize access due to [a-z ]{1,60})$`, "$1"}},
		"55P03": {{`^(canceling statement due to lock timeout|could not obtain lock on relation "[\pL\pN_-]{1,63}")$`, "$1"}},
		"57014": {{`^canceling statement due to (statement timeout|user request|lock timeout)$`, "canceling statement due to $1"}},
		"25P02": {{`^current transaction is aborted`, "current transaction is aborted"}},
		"25P04": {{`^terminating connection due to transaction timeout$`, "terminating connection due to transaction timeout"}},
		"25006": {{`^cannot execute ([A-Z ]{1,40}) in a read-only transaction$`, "cannot execute $1 in a read-only transaction"}},
		"25P03": {{`^terminating connection due to idle-in-transaction timeout$`, "terminating connection due to idle-in-transaction timeout"}},
		"57P01": {{`^terminating connection due to administrator command$`, "terminating connection due to administrator command"}},
		"57P02": {{`^terminating connection because of crash of another server process$`, "terminating connection because of crash of another server process"}},
		"57P03": {{`^(the database system is [a-z ]{1,60})$`, "$1"}},
		"57P05": {{`^terminating connection due to idle-session timeout$`, "terminating connection due to idle-session timeout"}},
		"08P01": {{`^(query_wait_timeout|server_login_retry|client_login_timeout)$`, "$1"}},
		"53100": {{`^could not (write to|extend|create) (temporary )?file`, "could not $1 ${2}file: the disk of the server is full"}},
		"53200": {{`^out of (shared )?memory$`, "out of ${1}memory"}},
		"53300": {{`^(sorry, too many clients already|remaining connection slots are reserved [a-z -]{1,80}|too many connections for (?:role|database) "[\pL\pN_-]{1,63}")$`, "$1"}},
		"53400": {{`^temporary file size exceeds "temp_file_limit"`, "temporary file size exceeds temp_file_limit"}},
		"42704": {{`^(unrecognized configuration parameter "[a-z_.]{1,63}")$`, "$1"}},
	}
	shapes := map[string][]shape{}
	for state, rows := range table {
		for _, row := range rows {
			shapes[state] = append(shapes[state], shape{regexp.MustCompile(row[0]), row[1]})
		}
	}
	return shapes
}

// PostgreSQL returns what may be passed on of the message of a statement that ran:
// the message without its values where its shape is known, else the name of the
// SQLSTATE's class. Detail, hint and context are never passed on: they quote rows, and
// functions write into them what they like.
func (r *Redactor) PostgreSQL(state, message string) string {
	for _, s := range r.postgres[state] {
		if m := s.pattern.FindStringSubmatchIndex(message); m != nil {
			return shorten(string(s.pattern.ExpandString(nil, s.text, message, m)))
		}
	}
	return class(state)
}

// class names the class of an SQLSTATE.
func class(state string) string {
	if len(state) >= 2 {
		if text, ok := classes()[state[:2]]; ok {
			return text
		}
	}
	return "error"
}

// classes are those of errors (PostgreSQL documentation, appendix A).
func classes() map[string]string {
	return map[string]string{
		"0A": "feature not supported", "0B": "invalid transaction initiation", "20": "case not found", "21": "cardinality violation",
		"22": "data exception", "23": "integrity constraint violation", "24": "invalid cursor state", "25": "invalid transaction state",
		"26": "invalid SQL statement name", "2B": "dependent privilege descriptors still exist", "2D": "invalid transaction termination",
		"2F": "SQL routine exception", "34": "invalid cursor name", "38": "external routine exception", "39": "external routine invocation exception",
		"3B": "savepoint exception", "3F": "invalid schema name", "40": "transaction rollback", "42": "syntax error or access rule violation",
		"44": "WITH CHECK OPTION violation", "53": "insufficient resources", "54": "program limit exceeded",
		"55": "object not in prerequisite state", "57": "operator intervention", "58": "system error", "72": "snapshot failure",
		"F0": "configuration file error", "HV": "foreign data wrapper error", "P0": "a function raised an exception", "XX": "internal error",
	}
}

// KnownStates are an SQLSTATE of every class, and every one of which a message is
// known.
func KnownStates() []string {
	found := slices.Collect(maps.Keys(states()))
	for class := range classes() {
		found = append(found, class+"001")
	}
	slices.Sort(found)
	return slices.Compact(found)
}
