package source

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// InterruptedError says that a snapshot ended before all was read through it, and that nothing is wrong: a new
// snapshot shows what there is now. What was emitted before is what the snapshot showed, unless a
// table was replaced; then some documents may be of another moment.
type InterruptedError struct {
	Table string // schema and name, quoted as in SQL
	// For is the session that waited for a lock of the table, "" if the table was replaced. It has
	// process id, user, application and the first words of the statement, and no values.
	For string
	// Why is what was noticed if no table was replaced, such as a function that was.
	Why string
	// Waited is how long that session was seen to wait at least; 0 if the snapshot could not go on
	// beside it.
	Waited time.Duration
}

// Error names the table, and for whom it was let go.
func (e *InterruptedError) Error() string {
	if e.Why != "" {
		return e.Why + ", so what was read does not show the state of one moment"
	}
	if e.For == "" {
		return fmt.Sprintf("table %s was replaced or attached after the snapshot was taken, so it does not show the state of one moment", e.Table)
	}
	waited := ""
	if e.Waited > 0 {
		waited = " for " + e.Waited.Round(100*time.Millisecond).String()
	}
	return fmt.Sprintf("let go of all tables for %s, which waited%s to lock %s", e.For, waited, e.Table)
}

// Hint says what to do about a run that was interrupted too often.
func (e *InterruptedError) Hint() string {
	if e.For == "" {
		return "run again when nothing replaces the table"
	}
	return "run again when nothing changes the tables; source.give_way is how long others wait for a run before it lets go"
}

// timedOutForLock tells whether a statement did not get the lock of a table in time.
func timedOutForLock(err error) bool {
	const lockNotAvailable = "55P03"
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == lockNotAvailable
}

// session describes who it is, without what the statement holds.
func (o other) session() string {
	parts := []string{"session " + o.pid}
	if command := command(o.statement); command != "" {
		parts = append(parts, command)
	}
	if o.application != "" {
		parts = append(parts, "application "+o.application)
	}
	if o.user != "" {
		parts = append(parts, "user "+o.user)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts[0] + " (" + strings.Join(parts[1:], ", ") + ")"
}

// commandWords are what commands begin with that lock a table for themselves.
const commandWords = " ALTER TABLE TRUNCATE DROP REFRESH MATERIALIZED VIEW LOCK VACUUM FULL CLUSTER REINDEX CREATE INDEX TRIGGER POLICY BEGIN "

// command returns the first words of a statement that are no names and no values.
func command(statement string) string {
	var words []string
	for _, word := range strings.FieldsFunc(statement, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == ';' }) {
		word = strings.ToUpper(word)
		if !strings.Contains(commandWords, " "+word+" ") {
			break
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
