package compat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
)

// Roles that each lack one thing that the role of deploy/ has.
const lessRoles = `
without_write:
  cluster: [monitor]
  indices:
    - names: ['persons', 'persons-*', 'persons.*', 'lock-persons*']
      privileges: [manage, read]
`

// secured is a pair of servers that let nobody in without a password, with
// nothing but the roles of deploy/.
type secured struct {
	es       *devstack.Elasticsearch
	admin    string // of PostgreSQL, a URL
	database string // URL of the role in deploy/postgresql-role.sql
	password string // of the user with the role in deploy/elasticsearch-roles.yml
	*site
	notices *sink
}

func secure(t *testing.T) *secured {
	t.Helper()
	databasePassword := rand.Text()
	w := &secured{password: rand.Text(), notices: newSink(t)}
	w.es = stacktest.OwnElasticsearch(t, devstack.ElasticsearchOptions{Security: &devstack.Security{
		Users: []devstack.User{
			{Name: "nightly", Password: w.password, Roles: []string{"reindex"}},
			{Name: "weak", Password: w.password, Roles: []string{"without_write"}},
		},
		Roles: deployed(t, "elasticsearch-roles.yml") + lessRoles,
	}})
	w.admin = guardedPostgres(t)
	fill(t, w.admin, 60)
	sql(t, w.admin, deployed(t, "postgresql-role.sql"))
	sql(t, w.admin, "ALTER ROLE reindex PASSWORD '"+databasePassword+"'")
	w.database = as(w.admin, url.UserPassword("reindex", databasePassword))
	hook := rand.Text()
	w.site = newSite(t, map[string]string{
		"ELASTICSEARCH_URL":           w.es.URL(),
		"ELASTICSEARCH_USERNAME":      "nightly",
		"ELASTICSEARCH_PASSWORD_FILE": write(t, w.password+"\n"),
		"ELASTICSEARCH_CA_CERT":       w.es.CACert(),
		"DATABASE_URL_FILE":           write(t, w.database+"\n"),
		"REINDEX_NOTIFY_WEBHOOK":      w.notices.URL + "/" + hook,
		"REINDEX_NOTIFY_ON":           "started,swapped,skipped,built,locked,refused,failed,lost,unknown",
		"REINDEX_METRICS_TEXT_FILE":   filepath.Join(t.TempDir(), "reindex.prom"),
	}, w.password, databasePassword, hook)
	return w
}

// guardedPostgres is a server on which the role reindex needs a password.
func guardedPostgres(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "reindex-hba-") //nolint:usetesting // t.TempDir keeps the server's user out
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a few bytes in /tmp are no failure
	rules := filepath.Join(dir, "pg_hba.conf")
	const text = "host all reindex 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n"
	if err := os.WriteFile(rules, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return stacktest.OwnPostgres(t, devstack.PostgresOptions{Settings: map[string]string{"hba_file": rules}}).URL()
}

// as is a URL with another user.
func as(database string, user *url.Userinfo) string {
	u, err := url.Parse(database)
	if err != nil {
		panic("the URL of a test server cannot be parsed")
	}
	u.User = user
	return u.String()
}

// sink is a webhook that keeps what it is told.
type sink struct {
	*httptest.Server
	mu   sync.Mutex
	told strings.Builder
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what was cut off was not told
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told.Write(body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told.String()
}

//nolint:tparallel // the table is taken away when nobody else reads it any more
func TestSecurity(t *testing.T) {
	t.Parallel()
	w := secure(t)
	w.life(t)
	w.leavesNoSecretBehind(t)
	t.Run("refused", w.refusals)
	w.revokedTable(t)
	w.blockedIndex(t)
	w.templateInTheWay(t)
}

// refusals change nothing on either server.
func (w *secured) refusals(t *testing.T) {
	t.Helper()
	for name, test := range map[string]func(*testing.T){
		"a wrong password of Elasticsearch":        w.wrongElasticsearchPassword,
		"a wrong password of PostgreSQL":           w.wrongDatabasePassword,
		"a server without the expected authority":  w.unknownAuthority,
		"another certificate than the one pinned":  w.fingerprints,
		"an alias that the role does not name":     w.anotherAlias,
		"a user that lacks a privilege, with name": w.missingPrivilege,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
	}
}

// life is every command under the least privileges.
func (w *secured) life(t *testing.T) {
	t.Helper()
	if checked := w.succeed(t, "check").stdout; strings.Contains(checked, "problem  ") {
		t.Errorf("check finds problems: %s", checked)
	}
	w.succeed(t, "run", "--verbose")
	first := w.live(t)
	w.succeed(t, "run", "--json", "--verbose", "--trigger", "scheduled")
	w.succeed(t, "verify", "--repair")
	w.succeed(t, "rollback", "--verbose")
	if live := w.live(t); live != first {
		t.Errorf("%s is live after the rollback, want %s", live, first)
	}
	w.succeed(t, "run", "--if-older-than", "20h", "--trigger", "restart")
	w.succeed(t, "run", "--no-swap")
	w.succeed(t, "prune", "--keep", "0", "--verbose")
	w.succeed(t, "unlock")
	w.succeed(t, "check", "--json")
	w.succeed(t, "status", "--json")
	w.succeed(t, "history", "--json")
}

// leavesNoSecretBehind looks at what the runs wrote down for others.
func (w *secured) leavesNoSecretBehind(t *testing.T) {
	t.Helper()
	for _, path := range []string{
		"/persons*,lock-persons*?expand_wildcards=all",
		"/lock-persons*/_search?expand_wildcards=all&size=1000",
		"/persons*/_search?expand_wildcards=all&size=1000",
	} {
		answer := w.ask(t, http.MethodGet, path, "")
		if !strings.Contains(answer, "persons") {
			t.Errorf("%s shows nothing to search: %s", path, answer)
		}
		w.keeps(t, path, answer)
	}
	told := w.notices.text()
	if !strings.Contains(told, "persons") {
		t.Errorf("no notice to search: %s", told)
	}
	w.keeps(t, "a notice", told)
	figures, err := os.ReadFile(w.env["REINDEX_METRICS_TEXT_FILE"])
	if err != nil {
		t.Error(err)
	}
	w.keeps(t, "the file of figures", string(figures))
}

func (w *secured) wrongElasticsearchPassword(t *testing.T) {
	t.Helper()
	s := w.with("ELASTICSEARCH_PASSWORD_FILE", write(t, "not-"+w.password))
	for _, command := range []string{"run", "status", "prune", "rollback", "unlock", "verify"} {
		s.fail(t, 2, []string{"HTTP 401", "check the user or API key of Elasticsearch"}, command)
	}
	s.fail(t, 1, []string{"the credentials are refused", "ELASTICSEARCH_PASSWORD"}, "check")
}

func (w *secured) wrongDatabasePassword(t *testing.T) {
	t.Helper()
	s := w.with("DATABASE_URL_FILE", write(t, as(w.database, url.UserPassword("reindex", w.password))))
	says := []string{"as reindex: password authentication failed", "check user, password and database"}
	s.fail(t, 2, says, "run")
	s.fail(t, 1, says, "check")
}

func (w *secured) unknownAuthority(t *testing.T) {
	t.Helper()
	s := w.with("ELASTICSEARCH_CA_CERT", "")
	for _, command := range []string{"run", "status"} {
		s.fail(t, 1, []string{"certificate signed by unknown authority", "elasticsearch.ca_cert"}, command)
	}
	s.fail(t, 1, []string{"certificate signed by unknown authority", "elasticsearch.ca_cert"}, "check")
}

func (w *secured) fingerprints(t *testing.T) {
	t.Helper()
	right := fingerprint(t, w.es)
	w.with("ELASTICSEARCH_CA_CERT", "", "ELASTICSEARCH_CERT_FINGERPRINT", right).succeed(t, "status")
	wrong := strings.Map(func(r rune) rune { return '0' + (r+1)%10 }, right)
	w.with("ELASTICSEARCH_CA_CERT", "", "ELASTICSEARCH_CERT_FINGERPRINT", wrong).
		fail(t, 1, []string{"no certificate of the server has the configured fingerprint", "the new fingerprint"}, "status")
}

// fingerprint is what `openssl x509 -fingerprint -sha256` prints.
func fingerprint(t *testing.T, es *devstack.Elasticsearch) string {
	t.Helper()
	ca, err := os.ReadFile(es.CACert())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(es.URL(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	secure, ok := conn.(*tls.Conn)
	if !ok {
		t.Fatalf("dialed a %T", conn)
	}
	sum := sha256.Sum256(secure.ConnectionState().PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

func (w *secured) anotherAlias(t *testing.T) {
	t.Helper()
	s := w.with("REINDEX_ALIAS", "patients")
	s.fail(t, 1, []string{"write on patients", "grant the role of docs/operations.md"}, "check")
	s.fail(t, 2, []string{"patients"}, "run")
	s.fail(t, 2, []string{"HTTP 403", "patients"}, "status")
}

func (w *secured) missingPrivilege(t *testing.T) {
	t.Helper()
	s := w.with("ELASTICSEARCH_USERNAME", "weak")
	says := []string{"missing: ", "write on lock-persons", "write on persons-000001"}
	s.fail(t, 1, says, "check")
	s.fail(t, 2, says, "run")
}

func (w *secured) revokedTable(t *testing.T) {
	t.Helper()
	conn := connect(t, w.admin)
	const tables = "placement, grade, programme"
	if _, err := conn.Exec(t.Context(), "REVOKE SELECT ON "+tables+" FROM reindex"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := conn.Exec(context.Background(), "GRANT SELECT ON "+tables+" TO reindex"); err != nil {
			t.Error(err)
		}
	}()
	w.fail(t, 1, []string{
		"permission denied for table ", "may not be read: public.grade, public.placement, public.programme\n",
		"GRANT SELECT ON public.grade, public.placement, public.programme TO",
	}, "check")
	w.fail(t, 2, []string{"permission denied for table ", "`reindex check` names every such table"}, "run")
}

// blockedIndex is what a full disk leaves behind.
func (w *secured) blockedIndex(t *testing.T) {
	t.Helper()
	w.ask(t, http.MethodPut, "/lock-persons/_settings", `{"index.blocks.read_only_allow_delete": true}`)
	w.fail(t, 1, []string{"index.blocks.read_only_allow_delete on lock-persons", "free disk space"}, "check")
	w.fail(t, 1, []string{"index.blocks.read_only_allow_delete on lock-persons", "free disk space"}, "run")
	w.ask(t, http.MethodPut, "/lock-persons/_settings", `{"index.blocks.read_only_allow_delete": null}`)
	w.succeed(t, "run")
}

// templateInTheWay can be seen with the privilege monitor, its components too.
func (w *secured) templateInTheWay(t *testing.T) {
	t.Helper()
	const component, template = "/_component_template/part", "/_index_template/whole"
	w.ask(t, http.MethodPut, component, `{"template":{"aliases":{"people":{}}}}`)
	w.ask(t, http.MethodPut, template, `{"index_patterns":["persons-*"],"composed_of":["part"]}`)
	w.fail(t, 1, []string{"whole (by its component part) gives every new index an alias"}, "check")
	w.ask(t, http.MethodDelete, template, "")
	w.ask(t, http.MethodDelete, component, "")
}

// ask sends one request as the administrator and wants a 2xx answer.
func (w *secured) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.es.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(w.es.Admin().Name, w.es.Admin().Password)
	client := w.es.Client()
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %v %s", method, path, res.Status, err, answer)
	}
	return string(answer)
}
