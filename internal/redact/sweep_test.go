package redact_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/redact"
	"example.com/reindex/internal/redact/sweep"
)

// TestNoValueOfARefusedDocumentIsPassedOn: internal/compat does the same on the oldest and
// the newest version.
func TestNoValueOfARefusedDocumentIsPassedOn(t *testing.T) {
	t.Parallel()
	refusals := sweep.Elasticsearch(t, stacktest.Elasticsearch(t), stacktest.Prefix(t)+"-sweep")
	if len(refusals) < sweep.Documents/4 {
		t.Errorf("%d refusals of %d documents; want more to look at", len(refusals), sweep.Documents)
	}
	unknown := map[string]int{}
	for _, one := range refusals {
		if redact.Default().Elasticsearch(one.Reasons...) == "" {
			unknown[one.Types[0]+" "+one.Field]++
		}
	}
	if os.Getenv("REDACT_SHOW") != "" { // for whoever looks for shapes that are not known yet
		show(t, refusals)
	}
	t.Logf("%d refusals, of which nothing is passed on: %v", len(refusals), unknown)
}

// show prints each message once, with what is passed on of it.
func show(t *testing.T, refusals []sweep.Refusal) {
	t.Helper()
	shown := map[string]string{}
	for _, one := range refusals {
		key := one.Field + ": " + redact.Default().Elasticsearch(one.Reasons...)
		raw := strings.Join(one.Reasons, " <- ")
		if _, ok := shown[key]; !ok {
			shown[key] = raw[:min(len(raw), 500)]
		}
	}
	var keys []string
	for key := range shown {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		t.Logf("%s\n\t%s", key, shown[key])
	}
}
