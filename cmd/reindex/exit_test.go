package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/es"
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
		{"an index body", &es.Error{Op: "PUT /persons-000001", Status: 400}, 2, "mend index.body"},
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
		{"a shape", &esalias.ShapeError{Hint: "delete it"}, 10, "delete it"},
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
