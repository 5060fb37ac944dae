package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/config"
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
		drift     *pipeline.DriftError
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
	case errors.As(err, &gate), errors.As(err, &drift):
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
		order    *pipeline.OrderError
		refused  *es.Error
		finding  *preflight.Error
	)
	switch {
	case errors.As(err, &finding):
		return finding.Subject == "privileges" // what the user of Elasticsearch may do
	case errors.As(err, &usage), errors.As(err, &conf), errors.As(err, &sqlError), isAuth(err),
		errors.As(err, &field), errors.As(err, &order):
		return true
	case strings.HasPrefix(err.Error(), "unknown command"):
		return true // cobra has no type for it
	}
	// The only body of a user's that is sent as it is makes the index.
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
		drift    *pipeline.DriftError
		rejected *bulk.FailuresError
		noAnswer *es.NoAnswerError
		finding  *preflight.Error
	)
	switch {
	case errors.As(err, &held):
		return "it is alive; --lock-timeout 30m waits for it to finish, `reindex status` shows how far it is"
	case errors.As(err, &shape):
		return shape.Hint
	case errors.Is(err, esalias.ErrOutcomeUnknown):
		return "the alias is on one complete index; `reindex status` shows which. If in doubt, run again"
	case errors.Is(err, esalias.ErrLeaseLost):
		return "the alias was not moved by this run; another run may be at work (`reindex status`). It is safe to run again"
	case errors.As(err, &drift) && drift.Report.Left == nil:
		return "`reindex verify --repair` levels it, `reindex run` builds it anew"
	case errors.As(err, &drift):
		return "live writers may still be at it: verify again; `reindex run` builds the index anew"
	case errors.As(err, &finding):
		return finding.Hint
	case errors.As(err, &usage):
		return "`" + usage.command + " --help` shows how to call it"
	case errors.As(err, &rejected):
		return "fix the rows or the mapping, or allow them with --max-failures; --failures-file writes them all down"
	case isUnreadableTable(err):
		return "GRANT SELECT ON that table TO the role of the run, as deploy/postgresql-role.sql does for all of the example"
	case errors.As(err, &conf), errors.As(err, &sqlError), errors.Is(err, context.Canceled):
		return "" // these say what to write
	case isAuth(err):
		return "check the user or API key of Elasticsearch and what it may do (ELASTICSEARCH_API_KEY, _USERNAME, _PASSWORD)"
	case isBlocked(err):
		return "Elasticsearch blocks writes, most often because a disk is over the flood-stage watermark: free disk space, then run again"
	case errors.As(err, &noAnswer) && isHandshake(err):
		return "the two sides do not trust each other's certificate: renew it if it has expired, else see elasticsearch.ca_cert, " +
			"elasticsearch.fingerprint and elasticsearch.client_cert; nothing was swapped"
	case errors.As(err, &noAnswer):
		return "is Elasticsearch up, and reachable from here? Nothing was swapped; run again when it is"
	}
	return ""
}

// isUnreadableTable reports that the role may not read what a query names.
func isUnreadableTable(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == "42501" // insufficient_privilege
}

// isHandshake reports that TLS failed because of a certificate: that of
// Elasticsearch, or ours in the eyes of Elasticsearch.
func isHandshake(err error) bool {
	var theirs *tls.CertificateVerificationError
	var ours *net.OpError
	return errors.As(err, &theirs) || (errors.As(err, &ours) && ours.Op == "remote error") // how crypto/tls reports an alert
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
