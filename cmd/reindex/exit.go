package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/drift"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/preflight"
	"example.com/reindex/internal/readback"
	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

// Exit statuses: a contract with cron jobs, Kubernetes and people.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitRejected = 3
	exitGate     = 4
	exitShape    = 10
	exitLocked   = 11
	exitLost     = 12
	exitUnknown  = 13
	exitSIGINT   = 130
	exitSIGTERM  = 143
)

const exitStatusHelp = `Exit status:
    0  swapped, or nothing to do
    1  failed; the alias is untouched
    2  the command line or the configuration is wrong (flags, file, SQL, index
       body, credentials); the alias is untouched
    3  more documents were rejected than --max-failures allows; untouched
    4  a gate refused the swap; verify found drift; untouched
   10  the alias or an index is in a shape that needs a person; untouched
   11  another run holds the lock; untouched
   12  the lock was lost during the run; untouched
   13  the swap was sent and its outcome could not be learnt; see reindex status
  130  interrupted (SIGINT), 143 (SIGTERM): the lock is released, the unfinished
       index dropped; untouched
An unknown status means failure.`

// exitCode is the one place that turns an error into a status.
func exitCode(err error) int {
	var (
		held      *esalias.HeldError
		shape     *esalias.ShapeError
		gate      *pipeline.GateError
		unequal   *drift.Error
		rejected  *bulk.FailuresError
		interrupt *pipeline.InterruptError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, esalias.ErrOutcomeUnknown):
		return exitUnknown
	case errors.As(err, &interrupt):
		if interrupt.Signal == "SIGINT" {
			return exitSIGINT
		}
		return exitSIGTERM
	case errors.As(err, &held):
		return exitLocked
	case errors.As(err, &shape):
		return exitShape
	case errors.Is(err, esalias.ErrLeaseLost):
		return exitLost
	case errors.As(err, &gate), errors.As(err, &unequal):
		return exitGate
	case errors.As(err, &rejected):
		return exitRejected
	case isUsage(err):
		return exitUsage
	}
	return exitFailed
}

// isUsage reports that the same command will fail until a person changes what
// they wrote: flags, file, SQL, index body or credentials.
func isUsage(err error) bool {
	var (
		usage    usageError
		conf     *config.Error
		sqlError *source.ConfigError
		field    *readback.FieldError
		order    *drift.OrderError
		finding  *preflight.Error
	)
	switch {
	case errors.As(err, &finding):
		// What the user of Elasticsearch may do, and which server source.url names.
		return finding.Subject == "privileges" || finding.Subject == "standby"
	case errors.As(err, &usage), errors.As(err, &conf), errors.As(err, &sqlError), isAuth(err),
		errors.As(err, &field), errors.As(err, &order):
		return true
	case strings.HasPrefix(err.Error(), "unknown command"):
		return true // cobra has no type for it
	}
	return isIndexBody(err)
}

// isIndexBody reports that Elasticsearch does not take index.body: the only
// body of a user's that is sent as it is makes the index.
func isIndexBody(err error) bool {
	var refused *es.Error
	return errors.As(err, &refused) && refused.Status == 400 && strings.HasPrefix(refused.Op, "PUT /")
}

// hint says what to do about err; empty when the error says it itself.
func hint(err error) string {
	var (
		held     *esalias.HeldError
		shape    *esalias.ShapeError
		conf     *config.Error
		sqlError *source.ConfigError
		usage    usageError
		unequal  *drift.Error
		rejected *bulk.FailuresError
		noAnswer *es.NoAnswerError
		finding  *preflight.Error
		alarm    *alarmError
		gate     *pipeline.GateError
	)
	switch {
	case errors.As(err, &alarm):
		return "`reindex history` shows what became of the runs; docs/operations.md, the index is stale, and the holder is stuck"
	case errors.As(err, &held):
		return "it is alive; --lock-timeout 30m waits for it to finish, `reindex status` shows how far it is"
	case errors.As(err, &shape):
		return shape.Hint
	case errors.Is(err, esalias.ErrOutcomeUnknown):
		return "the alias is on one complete index; `reindex status` shows which. If in doubt, run again"
	case errors.As(err, &gate) && !errors.Is(err, esalias.ErrLeaseLost):
		return gate.Hint()
	case errors.Is(err, esalias.ErrLeaseLost):
		return "the alias was not moved by this run; another run may be at work (`reindex status`). It is safe to run again"
	case errors.As(err, &unequal) && unequal.Report.Left == nil:
		return "`reindex verify --repair` levels it, `reindex run` builds it anew"
	case errors.As(err, &unequal):
		return "live writers may still be at it: verify again; `reindex run` builds the index anew"
	case errors.As(err, &finding):
		return finding.Hint
	case errors.As(err, &usage):
		return "`" + usage.command + " --help` shows how to call it"
	case errors.As(err, &rejected):
		return "fix the rows or the mapping, or allow them with --max-failures; --failures-file writes them all down"
	case isUnreadableTable(err):
		return "`reindex check` names every such table and the GRANT for it; deploy/postgresql-role.sql is the role of the example"
	case errors.As(err, &conf), errors.As(err, &sqlError), errors.Is(err, context.Canceled):
		return "" // these say what to write
	case isAuth(err):
		return "check the user or API key of Elasticsearch and what it may do (ELASTICSEARCH_API_KEY, _USERNAME, _PASSWORD)"
	case isIndexBody(err) && !es.IsType(err, "validation_exception"): // too many shards, and it says so
		return "mend index.body; what is not in it comes from an index template, which `reindex check` names"
	case isBlocked(err):
		return "Elasticsearch blocks writes, most often because a disk is over the flood-stage watermark: free disk space, then run again"
	case es.IsType(err, "master_not_discovered_exception"):
		return preflight.NoMasterHint
	case errors.As(err, &noAnswer) && es.IsUntrusted(err):
		return certificateHint(err)
	case errors.As(err, &noAnswer):
		return "is Elasticsearch up, and reachable from here? Nothing was swapped; run again when it is"
	case es.IsUntrusted(err): // the only other side that we speak to before a run
		return databaseCertificateHint(err)
	}
	return ""
}

// certificateHint says which certificate to look at, and in which setting.
func certificateHint(err error) string {
	switch {
	case errors.Is(err, es.ErrClientCertificate):
		return "renew elasticsearch.client_cert and elasticsearch.client_key"
	case errors.Is(err, es.ErrFingerprint):
		return "write the new fingerprint into elasticsearch.fingerprint if the certificate was renewed; else another server answers"
	case isExpired(err):
		return "renew the certificate of Elasticsearch; if it is valid, is the clock of this machine right?"
	case isUnverified(err):
		return "see elasticsearch.ca_cert (the authority that signed the certificate) and the host name in elasticsearch.url"
	}
	return "Elasticsearch wants a client certificate that it trusts: see elasticsearch.client_cert and elasticsearch.client_key"
}

func databaseCertificateHint(err error) string {
	switch {
	case isExpired(err):
		return "renew the certificate of PostgreSQL; if it is valid, is the clock of this machine right?"
	case isUnverified(err):
		return "see sslrootcert (the authority that signed the certificate) and the host name in the URL of the database"
	}
	return "PostgreSQL wants a client certificate that it trusts: see sslcert and sslkey in the URL of the database"
}

// isExpired reports that a certificate of the other side is too old, or not
// valid yet.
func isExpired(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.Expired
}

// isUnverified reports that we do not trust the certificate of the other side.
func isUnverified(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// isUnreadableTable reports that the role may not read what a query names.
func isUnreadableTable(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == "42501" // insufficient_privilege
}

// isAuth reports that Elasticsearch refused the credentials, or what they may
// do, of a load or of anything else.
func isAuth(err error) bool {
	var answer *bulk.ServerError
	return es.IsAuth(err) || (errors.As(err, &answer) && answer.Type == "security_exception")
}

// isBlocked reports that Elasticsearch refuses writes to an index, to a
// document of a load or to anything else.
func isBlocked(err error) bool {
	const block = "cluster_block_exception"
	var answer *bulk.ServerError
	return es.IsType(err, block) || (errors.As(err, &answer) && answer.Type == block)
}
