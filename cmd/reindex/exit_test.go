package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

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

func TestErrorsHaveTheirExitStatusAndHint(t *testing.T) {
	t.Parallel()
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	interrupt := func(signal string) error { return &pipeline.InterruptError{Signal: signal} }
	for _, test := range []struct {
		name string
		err  error
		code int
		hint string // part of it
	}{
		{"success", nil, 0, ""},
		{"anything", errors.New("anything"), 1, ""},
		{"flags", usageError{err: errors.New("unknown flag"), command: "reindex run"}, 2, "`reindex run --help`"},
		{"configuration", errors.Join(&config.Error{}, &config.Error{}), 2, ""},
		{"a query", &source.ConfigError{}, 2, ""},
		{"a row", &source.RowError{}, 1, ""},
		{"a row that says what to do", &source.RowError{Advice: "turn it into NULL"}, 1, "turn it into NULL"},
		{"a query that fans out", &source.DuplicateError{}, 1, "one to one"},
		{"an id that came twice", &bulk.DuplicateError{}, 1, "a proxy"},
		{"an order that differs", &drift.OrderError{}, 2, "as long"},
		{"an id field that cannot be sorted", &readback.FieldError{Advice: "map it as long"}, 2, "map it as long"},
		{"a difference", &drift.Error{}, 4, "--repair"},
		{"a gate that can be overruled", &pipeline.GateError{Gate: "empty"}, 4, "--allow-empty"},
		{"an index body", &es.Error{Op: "PUT /persons-000001", Status: 400}, 2, "change index.body"},
		{"a request of the program's own", &es.Error{Op: "POST /_aliases", Status: 400}, 1, ""},
		{"wrong password", &es.Error{Status: 401}, 2, "check the user or API key"},
		{"missing privilege", &es.Error{Status: 403, Type: "security_exception"}, 2, "check the user or API key"},
		{"missing privilege of the load", &bulk.ServerError{Status: 403, Type: "security_exception"}, 2, "check the user or API key"},
		{"a blocked index", &es.Error{Status: 403, Type: "cluster_block_exception"}, 1, "free disk space"},
		{"a blocked load", &bulk.ServerError{Status: 429, Type: "cluster_block_exception"}, 1, "free disk space"},
		{"an alarm", &alarmError{"too old"}, 1, "`reindex history`"},
		{"no answer", &es.NoAnswerError{Err: errors.New("reset")}, 1, "is Elasticsearch up"},
		{"no trust in Elasticsearch", &es.NoAnswerError{Err: untrusted}, 1, "elasticsearch.ca_cert"},
		{"no trust in PostgreSQL", fmt.Errorf("connect: %w", untrusted), 1, "sslrootcert"},
		{"rejected documents", &bulk.FailuresError{}, 3, "--max-failures"},
		{"a gate", &pipeline.GateError{}, 4, ""},
		{"a shape", &esalias.ShapeError{Advice: "delete it"}, 10, "delete it"},
		{"a live holder", &esalias.HeldError{}, 11, "--lock-timeout 30m"},
		{"a lost lease", esalias.ErrLeaseLost, 12, "safe to run again"},
		{"an unknown outcome", esalias.ErrOutcomeUnknown, 13, "one complete index"},
		{"SIGINT", interrupt("SIGINT"), 130, ""},
		{"SIGTERM", interrupt("SIGTERM"), 143, ""},
		{"an unknown outcome of an interrupted run", errors.Join(interrupt("SIGINT"), esalias.ErrOutcomeUnknown), 13, "one complete index"},
		{"a request that an interrupt ended", errors.Join(interrupt("SIGTERM"), context.Canceled, &es.NoAnswerError{Err: context.Canceled}), 143, ""},
		{"a lease lost while a gate refused", errors.Join(esalias.ErrLeaseLost, &pipeline.GateError{}), 12, "safe to run again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := test.err
			if err != nil {
				err = fmt.Errorf("load: %w", reportedError{err})
			}
			if got := exitCode(err); got != test.code {
				t.Errorf("exit status %d, want %d", got, test.code)
			}
			if test.err == nil {
				return
			}
			if got := hint(err); !strings.Contains(got, test.hint) || (got != "") != (test.hint != "") {
				t.Errorf("hint %q, want %q in it", got, test.hint)
			}
		})
	}
}

// TestHintsAreNotInTheError: a hint is printed on a line of its own, so an error
// that says it too would say it twice.
func TestHintsAreNotInTheError(t *testing.T) {
	t.Parallel()
	const advice = "do this"
	for _, err := range []interface {
		error
		Hint() string
	}{
		&config.Error{File: "reindex.yaml", Field: "alias", Problem: "is wrong", Advice: advice},
		&source.ConfigError{Query: "a.sql", Reason: "is wrong", Advice: advice},
		&source.RowError{Query: "a.sql", Reason: "is wrong", Advice: advice},
		&source.DuplicateError{Query: "a.sql", ID: "7"},
		&bulk.DuplicateError{ID: "7"},
		&esalias.ShapeError{Alias: "persons", Problem: "is wrong", Advice: advice},
		&readback.FieldError{Index: "persons", Field: "id", Problem: "is wrong", Advice: advice},
		&drift.OrderError{Index: "persons", ID: "7", Previous: "8"},
		&drift.Error{},
		&pipeline.GateError{Gate: "empty", Reason: "the source has no documents"},
		&pipeline.VersionError{ID: "7", Before: 2, Now: 1},
		&preflight.Error{Finding: preflight.Finding{Subject: "disk", Text: "is full", Hint: advice}},
		&alarmError{"too old"},
		usageError{err: errors.New("unknown flag"), command: "reindex run"},
	} {
		if err.Hint() == "" || strings.Contains(err.Error(), err.Hint()) {
			t.Errorf("%T: error %q, hint %q; want a hint that the error does not have", err, err, err.Hint())
		}
	}
}

func TestEveryProblemOfAConfigurationHasItsHint(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	a := &app{streams: streams{out: io.Discard, err: &out}}
	a.printError(errors.Join(
		&config.Error{File: "r.yaml", Line: 1, Problem: "is wrong", Advice: "want this"},
		&config.Error{File: "r.yaml", Line: 2, Problem: "is odd", Advice: "want that"}))
	want := "reindex: r.yaml:1: is wrong\n  hint: want this\nreindex: r.yaml:2: is odd\n  hint: want that\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}
