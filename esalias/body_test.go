package esalias

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsInEverySpelling(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{
		`{"index":{"refresh_interval":"5s","number_of_replicas":2}}`,
		`{"index.refresh_interval":"5s","index.number_of_replicas":2}`,
		`{"refresh_interval":"5s","number_of_replicas":2}`,
		`{"index":{"refresh_interval":"5s"},"number_of_replicas":2}`,
		`{"index":{"refresh_interval":"5s"},"index.number_of_replicas":2}`,
	} {
		b, err := parseBody(json.RawMessage(`{"settings":` + settings + `}`))
		if err != nil {
			t.Errorf("%s: %v", settings, err)
			continue
		}
		restored, err := b.restore()
		const want = `{"index.auto_expand_replicas":null,"index.number_of_replicas":2,"index.refresh_interval":"5s"}`
		if err != nil || string(restored) != want {
			t.Errorf("%s: restored %s, %v; want %s", settings, restored, err, want)
		}
	}
}

func TestCreateBodyKeepsWhatTheUserWrote(t *testing.T) {
	t.Parallel()
	b, err := parseBody(json.RawMessage(`{
		"settings":{"index":{"analysis":{"analyzer":{"names":{"type":"custom","filter":["lowercase"]}}},"number_of_shards":3,"refresh_interval":"1s"}},
		"mappings":{"_meta":{"owner":"tis"},"properties":{"id":{"type":"long","null_value":9007199254740993}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.create("persons.w-7-runaaaaa", Meta{Alias: "persons", Token: 7, RunID: "runaaaaa"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"aliases":{"persons.w-7-runaaaaa":{}},"mappings":{"_meta":{"owner":"tis","reindex":{"alias":"persons","token":7,"run_id":"runaaaaa","started_at":""}},` +
		`"properties":{"id":{"null_value":9007199254740993,"type":"long"}}},"settings":{"index.analysis.analyzer.names.filter":["lowercase"],` +
		`"index.analysis.analyzer.names.type":"custom","index.auto_expand_replicas":false,"index.number_of_replicas":0,"index.number_of_shards":3,"index.refresh_interval":"-1"}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	again, err := b.create("persons.w-8-runaaaaa", Meta{Alias: "persons", Token: 8, RunID: "runaaaaa"})
	if err != nil || len(again) != len(got) {
		t.Errorf("a second create body differs: %s, %v", again, err)
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `[]`, `"x"`, `{"aliases":{"persons":{}}}`, `{"settings":[]}`, `{"mappings":"x"}`, `{"other":{}}`,
		`{"settings":{"index":{"refresh_interval":"1s"},"refresh_interval":"5s"}}`,
	} {
		if _, err := parseBody(json.RawMessage(body)); err == nil {
			t.Errorf("parseBody(%s) = nil, want an error", body)
		}
	}
	for _, body := range []string{`{}`, `{"settings":null,"mappings":null}`, `{"settings":{},"mappings":{}}`} {
		b, err := parseBody(json.RawMessage(body))
		if err != nil {
			t.Errorf("parseBody(%s) = %v", body, err)
			continue
		}
		if _, err := b.create("w", Meta{}); err != nil {
			t.Errorf("create from %s: %v", body, err)
		}
	}
}
