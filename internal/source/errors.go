package source

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ConfigError is a mistake that only the user can mend: in a query, in the
// configuration or in the connection's settings. Trying again does not help.
type ConfigError struct {
	Query  string // name of the query, "" if the mistake is in no query
	Line   int    // line in the query, counted from 1; 0 if unknown
	Column string // column or list field, "" if the mistake is in none
	Reason string // what is wrong; for an error of PostgreSQL its message
	Advice string // what to do; "" if the reason says it all
	Err    error  // the error of PostgreSQL, if there was one
}

// Error returns `query:line: column "name": reason`.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.Query != "" {
		b.WriteString(e.Query)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Column != "" {
		fmt.Fprintf(&b, "column %q: ", e.Column)
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Hint says what to do, or "".
func (e *ConfigError) Hint() string { return e.Advice }

// Unwrap returns the error of PostgreSQL, or nil.
func (e *ConfigError) Unwrap() error { return e.Err }

const insufficientPrivilege = "42501"

// hidesRows tells whether PostgreSQL refused a query because a policy would filter it. The state is that of a
// missing privilege, and the message is in the server's language; the name of the function is not.
func hidesRows(err *pgconn.PgError) bool {
	return err.Code == insufficientPrivilege && err.Routine == "check_enable_rls"
}

const policyAdvice = "the role would see a part of the rows, and the index would look complete: give the role BYPASSRLS" +
	" (ALTER ROLE ... BYPASSRLS; a GRANT does not help), or, if the index shall hold what the policies show, as that of one tenant does," +
	" set source.row_security: apply"

// LacksPrivilege tells whether PostgreSQL refused to read a table that the role has no privilege for. A
// table with row-level security is refused for another reason.
func LacksPrivilege(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == insufficientPrivilege && !hidesRows(pg)
}

// RowError is a row that cannot become part of a document. It names where the
// row is and never shows its values, the id excepted.
type RowError struct {
	Query  string
	ID     string // "" if the row has none
	Column string // "" if the fault is in no single column
	Reason string
	Advice string // what to do; "" if the reason says it all
	Err    error  // the error of PostgreSQL, if there was one
}

// Hint says what to do, or "".
func (e *RowError) Hint() string { return e.Advice }

// Unwrap returns the error of PostgreSQL, or nil.
func (e *RowError) Unwrap() error { return e.Err }

// Error returns `query: id 17: column "name": reason`.
func (e *RowError) Error() string {
	var b strings.Builder
	b.WriteString(e.Query)
	if e.ID != "" {
		b.WriteString(": id ")
		b.WriteString(shortID(e.ID))
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ": column %q", e.Column)
	}
	b.WriteString(": ")
	b.WriteString(e.Reason)
	return b.String()
}

// DuplicateError says that the document query, or that of an object, returned more
// than one row for an id: it fans out, usually over a join that was thought to be one to one.
type DuplicateError struct {
	Query  string
	ID     string
	Object string // the field, of an object's query
}

// Error names the query and the id.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s fans out: two rows for id %s", e.Query, shortID(e.ID))
}

// Hint says how the query becomes one to one.
func (e *DuplicateError) Hint() string {
	if e.Object != "" {
		return "choose one row with DISTINCT ON or WHERE, or make " + e.Object + " a list"
	}
	return "make its joins one to one, or move the rows into a list query"
}

// advisedError adds to an error what to do about it.
type advisedError struct {
	err    error
	advice string
}

func (e *advisedError) Error() string { return e.err.Error() }
func (e *advisedError) Unwrap() error { return e.err }
func (e *advisedError) Hint() string  { return e.advice }

// advised returns an error of its own that says what to do about it.
func advised(text, advice string) error { return &advisedError{errors.New(text), advice} }

// adviceOf is what an error says about itself, or "".
func adviceOf(err error) string {
	if e, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return e.Hint()
	}
	return ""
}

// shortID keeps an overlong id from flooding a message.
func shortID(id string) string {
	const most = 80
	if len(id) <= most {
		return id
	}
	return strings.ToValidUTF8(id[:most], "") + "..."
}

// advise adds to an error of PostgreSQL in the middle of a run what its
// message does not say.
func advise(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	var hint string
	switch pg.Code {
	case "55P03": // lock_not_available
		hint = "another session holds a lock on a table, as TRUNCATE and ALTER TABLE do"
	case "40001": // serialization_failure; a read-only transaction meets it only on a standby
		hint = "on a standby, raise max_standby_streaming_delay or set hot_standby_feedback, or read from the primary"
	case "25P04": // transaction_timeout
		hint = "transaction_timeout ended the session; the program switches it off, so a pooler or an extension has set it"
	case "53300": // too_many_connections
		hint = "a run needs " + strconv.Itoa(SessionsNeeded) + " connections; see CONNECTION LIMIT of the role and the database, and max_connections"
	case "57P01", "57P02", "57P03": // admin_shutdown, crash_shutdown, cannot_connect_now
		hint = "the server ended the session; the snapshot is lost and the run has to start again"
	default:
		return err
	}
	return &advisedError{err, hint}
}
