// Package pgjson turns values of PostgreSQL, in their text form, into JSON.
//
//	integers, numeric, floats     numbers, digit for digit as PostgreSQL prints them
//	boolean, NULL                 true, false, null
//	date, timestamp, timestamptz  RFC 3339, in quotes; timestamptz in UTC
//	json, jsonb                   as they are, on one line
//	bytea                         base64
//	arrays                        arrays, of arrays if they have more dimensions
//	everything else               a string: the text form
//
// The text has to be that of a session with DateStyle ISO, TimeZone UTC, bytea_output hex and UTF-8. Nothing here
// needs a server, and nothing is allocated for a value but what the buffer grows by.
package pgjson
