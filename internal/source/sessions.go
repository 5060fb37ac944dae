package source

import (
	"fmt"
	"strconv"
)

// SessionsNeeded is how many connections a run has open at once at most: the one that keeps the snapshot, one that cuts
// the ids into ranges, one that counts, and two streams. While two snapshots are compared there are the two
// that keep them and one more in each; while documents are read by id, one that counts and one stream.
const SessionsNeeded = 5

// Sessions is how many connections the role may open.
type Sessions struct {
	// Free is the least that is left of what Limit names, at the time it was asked.
	Free  int64
	Limit string // "CONNECTION LIMIT of role x", "max_connections"
}

// freeQuery has one row for each limit that there is: what it is, and how much of it is left. Whoever may not see the
// sessions of others counts them all the same. Ours is open, and counts.
const freeQuery = `
WITH mine AS (
  SELECT pg_catalog.count(*) FILTER (WHERE usename = current_user) AS of_role,
         pg_catalog.count(*) FILTER (WHERE datname = pg_catalog.current_database()) AS of_database,
         pg_catalog.count(*) AS of_server
  FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'
)
SELECT 'CONNECTION LIMIT of role ' || pg_catalog.quote_ident(rolname), rolconnlimit - of_role
FROM pg_catalog.pg_roles, mine WHERE rolname = current_user AND rolconnlimit >= 0 AND NOT rolsuper
UNION ALL
SELECT 'CONNECTION LIMIT of database ' || pg_catalog.quote_ident(d.datname), datconnlimit - of_database
FROM pg_catalog.pg_database d, mine, pg_catalog.pg_roles r
WHERE d.datname = pg_catalog.current_database() AND datconnlimit >= 0 AND r.rolname = current_user AND NOT r.rolsuper
UNION ALL
SELECT 'max_connections, less what is reserved', pg_catalog.current_setting('max_connections')::pg_catalog.int8 - of_server
  - CASE WHEN r.rolsuper THEN 0 ELSE pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8
      + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int8 END
FROM mine, pg_catalog.pg_roles r WHERE r.rolname = current_user
ORDER BY 2 LIMIT 1`

// free asks how many sessions can be opened besides this one. A pooler has limits of its own, which nobody can ask for.
func (s *session) free() (Sessions, error) {
	row, err := s.row(freeQuery)
	if err != nil {
		return Sessions{}, fmt.Errorf("ask for the limits of connections: %w", err)
	}
	free, err := strconv.ParseInt(string(row[1]), 10, 64)
	return Sessions{Free: free, Limit: string(row[0])}, err
}
