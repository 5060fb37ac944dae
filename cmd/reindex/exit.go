package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"

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

// kind is what errors of one kind mean for whoever called the program.
type kind struct {
	is     func(error) bool
	status int
	hint   func(error) string // nil if the error itself says what to do
}

// kinds is the one place that turns an error into a status and a hint. The
// first kind that matches counts, so that an error that holds several (a gate
// that refused while the lease was lost) has the status that says most.
func kinds() []kind {
	return []kind{
		{isError(esalias.ErrOutcomeUnknown), exitUnknown, say("the alias is on one complete index; `reindex status` shows which. If in doubt, run again")},
		{isInterrupt("SIGINT"), exitSIGINT, say("")},
		{isType[*pipeline.InterruptError], exitSIGTERM, say("")},
		{isType[*esalias.HeldError], exitLocked, say("it is alive; --lock-timeout 30m waits for it to finish, `reindex status` shows how far it is")},
		{isType[*esalias.ShapeError], exitShape, nil},
		{isError(esalias.ErrLeaseLost), exitLost, say("the alias was not moved by this run; another run may be at work (`reindex status`). It is safe to run again")},
		{isType[*pipeline.GateError], exitGate, nil},
		{isType[*drift.Error], exitGate, nil},
		{isType[*bulk.FailuresError], exitRejected, rejectedHint},
		{isType[*alarmError], exitFailed, nil},
		{isFinding("privileges", "standby"), exitUsage, nil}, // what the user may do, and which server source.url names
		{isType[*preflight.Error], exitFailed, nil},
		{isType[usageError], exitUsage, nil},
		{isUnknownCommand, exitUsage, say("`reindex --help` lists the commands")},
		{both(source.LacksPrivilege, isType[*source.ConfigError]), exitUsage, say(unreadableHint)},
		{source.LacksPrivilege, exitFailed, say(unreadableHint)},
		{isType[*config.Error], exitUsage, nil},
		{isType[*config.SelectionError], exitUsage, nil},
		{isType[*source.ConfigError], exitUsage, nil},
		{isType[*source.UnstableError], exitUsage, nil},
		{isAuth, exitUsage, say("check the user or API key of Elasticsearch and what it may do (ELASTICSEARCH_API_KEY, _USERNAME, _PASSWORD)")},
		{isType[*readback.FieldError], exitUsage, nil},
		{isType[*readback.ContentError], exitUsage, nil},
		{isType[*drift.OrderError], exitUsage, nil},
		{isMissingPipeline, exitUsage, say("create the pipeline, or take index.default_pipeline and index.final_pipeline out of index.body, or out of the index template that sets them")},
		{isLockRefused, exitUsage, say("index.body is not to blame: an index template matches the index of the lock; change its index_patterns so that they do not match lock-*," +
			" then delete that index when no run is at work: the next run makes a new one")},
		{isDataStream, exitUsage, say("index.body is not to blame: change the index_patterns of the index template that the message names, so that they do not match the new index")},
		{both(isIndexBody, isESType("validation_exception")), exitUsage, say("")}, // too many shards, and it says so
		{isIndexBody, exitUsage, say("change index.body; what is not in it comes from an index template, which `reindex check` names")},
		{both(isBlocked, isSetBlock), exitFailed, say("a person, index.body or an index template has set this block: take index.blocks.* out of index.body and of the template, or set it to null" +
			" (PUT /INDEX/_settings); a full disk shows as TOO_MANY_REQUESTS/12")},
		{isBlocked, exitFailed, say("Elasticsearch blocks writes, most often because a disk is over the flood-stage watermark: free disk space, then run again")},
		{isESType("master_not_discovered_exception"), exitFailed, say(preflight.NoMasterHint)},
		{isError(context.Canceled), exitFailed, say("")},
		{both(isType[*es.NoAnswerError], es.IsUntrusted), exitFailed, certificateHint},
		{isESType("no_shard_available_action_exception"), exitFailed, say(allocationHint)},
		{both(isType[*es.NoAnswerError], isError(context.DeadlineExceeded)), exitFailed, say("Elasticsearch was reached and took longer than the program waits: " + allocationHint)},
		{isType[*es.NoAnswerError], exitFailed, say("is Elasticsearch up, and reachable from here? Nothing was swapped; run again when it is")},
		{es.IsUntrusted, exitFailed, databaseCertificateHint}, // the only other side that we speak to before a run
		{func(error) bool { return true }, exitFailed, nil},
	}
}

const allocationHint = "GET /_cluster/allocation/explain says if shards may not be placed (cluster.routing.allocation.enable, disks)," +
	" GET /_cluster/pending_tasks if the master is busy; nothing was swapped"

// rejectedHint says what the fields take, where that is known, and what else can
// be done.
func rejectedHint(err error) string {
	const always = "fix the rows or the mapping, or allow them with --max-failures; --failures-file writes them all down"
	return strings.Join(append(hints(err), always), "\n")
}

const unreadableHint = "`reindex check` names every such table and the GRANT for it; deploy/postgresql-role.sql is the role of the example"

func kindOf(err error) kind {
	all := kinds()
	return all[slices.IndexFunc(all, func(k kind) bool { return k.is(err) })]
}

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if several, ok := errors.AsType[*indicesError](err); ok {
		return several.status()
	}
	return kindOf(err).status
}

// hint says what to do about err; empty when nothing is known that helps.
func hint(err error) string {
	k := kindOf(err)
	if k.hint != nil {
		return k.hint(err)
	}
	return strings.Join(hints(err), "\n")
}

// hints are what the errors inside err say that is to be done, each once.
func hints(err error) (found []string) {
	if advised, ok := err.(interface{ Hint() string }); ok && advised.Hint() != "" {
		return []string{advised.Hint()}
	}
	for _, inner := range inside(err) {
		for _, one := range hints(inner) {
			if !slices.Contains(found, one) {
				found = append(found, one)
			}
		}
	}
	return found
}

func inside(err error) []error {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	}
	return nil
}

// problems are the mistakes in a configuration, of which each has a hint of its
// own; any other error is one problem.
func problems(err error) []error {
	all := inside(err)
	if len(all) == 0 || slices.ContainsFunc(all, func(one error) bool { return !isType[*config.Error](one) }) {
		return []error{err}
	}
	return all
}

func say(text string) func(error) string { return func(error) string { return text } }

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isError(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func both(a, b func(error) bool) func(error) bool {
	return func(err error) bool { return a(err) && b(err) }
}

func isInterrupt(signal string) func(error) bool {
	return func(err error) bool {
		interrupt, ok := errors.AsType[*pipeline.InterruptError](err)
		return ok && interrupt.Signal == signal
	}
}

func isFinding(subjects ...string) func(error) bool {
	return func(err error) bool {
		finding, ok := errors.AsType[*preflight.Error](err)
		return ok && slices.Contains(subjects, finding.Subject)
	}
}

// isUnknownCommand knows the words of cobra, which has no type for it.
func isUnknownCommand(err error) bool { return strings.HasPrefix(err.Error(), "unknown command") }

func isESType(name string) func(error) bool {
	return func(err error) bool { return es.IsType(err, name) }
}

// isIndexBody reports that Elasticsearch does not take index.body: the only
// body of a user's that is sent as it is makes the index.
func isIndexBody(err error) bool {
	refused, ok := errors.AsType[*es.Error](err)
	return ok && refused.Status == http.StatusBadRequest && strings.HasPrefix(refused.Op, "PUT /")
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

// isAuth reports that Elasticsearch refused the credentials, or what they may
// do, of a load or of anything else.
func isAuth(err error) bool {
	var answer *bulk.ServerError
	return es.IsAuth(err) || (errors.As(err, &answer) && answer.Type == "security_exception")
}

// said is what Elasticsearch said to a request or to a document of a load.
func said(err error) string {
	if answer, ok := errors.AsType[*bulk.ServerError](err); ok {
		return answer.Reason
	}
	if answer, ok := errors.AsType[*es.Error](err); ok {
		return answer.Reason
	}
	return ""
}

// isSetBlock reports a block that does not come from a full disk: that one is
// 12, and older versions had it as 8 with these words.
func isSetBlock(err error) bool {
	words := said(err)
	return strings.Contains(words, "[FORBIDDEN/") && !strings.Contains(words, "read-only / allow delete")
}

func isMissingPipeline(err error) bool {
	_, lock := errors.AsType[*es.Error](err)
	return !lock && strings.HasPrefix(said(err), "pipeline with id [")
}

// isLockRefused reports a write to the lock that something about its index keeps
// from succeeding.
func isLockRefused(err error) bool {
	refused, ok := errors.AsType[*es.Error](err)
	return ok && refused.Status == http.StatusBadRequest && strings.HasPrefix(refused.Op, "PUT /lock-")
}

func isDataStream(err error) bool { return strings.Contains(said(err), "creates data streams only") }

// isBlocked reports that Elasticsearch refuses writes to an index, to a
// document of a load or to anything else.
func isBlocked(err error) bool {
	const block = "cluster_block_exception"
	var answer *bulk.ServerError
	return es.IsType(err, block) || (errors.As(err, &answer) && answer.Type == block)
}
