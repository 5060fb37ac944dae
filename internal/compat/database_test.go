package compat

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
)

// TestDatabaseBehindTLSAndItsStandby has a server with a certificate, and a hot
// standby of it that can be made to lag.
func TestDatabaseBehindTLSAndItsStandby(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.issue(t, time.Hour)
	primary := stacktest.OwnPostgres(t, devstack.PostgresOptions{TLS: &cert})
	fill(t, primary.URL(), 60)
	sql(t, primary.URL(), `CREATE TABLE spare AS SELECT * FROM contact_details ORDER BY person_id DESC LIMIT 1;
		DELETE FROM contact_details WHERE person_id = (SELECT person_id FROM spare)`)
	standby := stacktest.OwnPostgres(t, devstack.PostgresOptions{StandbyOf: primary})

	const password = "s3cr3t-d0-not-print"
	verified := func(database, root string) string {
		return as(withQuery(database, "sslmode", "verify-full", "sslrootcert", root), url.UserPassword("postgres", password))
	}
	root := write(t, ca.pem)
	s := newSite(t, map[string]string{
		"ELASTICSEARCH_URL": stacktest.Elasticsearch(t), "REINDEX_ALIAS": stacktest.Prefix(t) + "-x",
		"DATABASE_URL": verified(primary.URL(), root),
	}, password)
	s.succeed(t, "check")
	s.succeed(t, "run")
	live := s.live(t)
	for database, says := range map[string]string{
		verified(primary.URL(), write(t, newAuthority(t).pem)):                      "signed by unknown authority",
		verified(strings.Replace(primary.URL(), "127.0.0.1", "localhost", 1), root): "not valid for",
	} {
		for _, command := range []string{"run", "check"} {
			s.with("DATABASE_URL", database).
				fail(t, 1, []string{says, "see sslrootcert", "the host name in the URL of the database"}, command)
		}
	}
	if now := s.live(t); now != live {
		t.Errorf("the alias is on %s, want %s as before", now, live)
	}
	standbyBehind(t, s, primary.URL(), standby.URL(), verified(standby.URL(), root))
}

// standbyBehind: a document that the standby does not know yet is new, and not
// too much.
func standbyBehind(t *testing.T, s *site, primary, standby, database string) {
	t.Helper()
	replica := s.with("DATABASE_URL", database)
	if r := replica.succeed(t, "check"); !strings.Contains(r.stdout, "warning  standby") {
		t.Errorf("check says nothing of a standby: %s", r)
	}
	replica.succeed(t, "run")

	sql(t, standby, `DO $$ BEGIN
		PERFORM pg_wal_replay_pause();
		WHILE pg_get_wal_replay_pause_state() <> 'paused' LOOP PERFORM pg_sleep(0.01); END LOOP;
	END $$`)
	sql(t, primary, "INSERT INTO contact_details SELECT * FROM spare")
	s.succeed(t, "run")
	replica.fail(t, 4, []string{"is not in sync with the source: 1 extra"}, "verify")
	replica.fail(t, 2, []string{"the database is a standby", "point source.url"}, "verify", "--repair")
	s.succeed(t, "verify")
}

// withQuery is a URL with other parameters.
func withQuery(database string, pairs ...string) string {
	u, err := url.Parse(database)
	if err != nil {
		panic("the URL of a test server cannot be parsed")
	}
	query := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	u.RawQuery = query.Encode()
	return u.String()
}
