package config

import (
	"strings"
	"testing"
	"time"
)

func TestFraction(t *testing.T) {
	t.Parallel()
	good := map[string]float64{"10%": 0.1, " 2.5 % ": 0.025, "0.1": 0.1, "0": 0, "0%": 0, "100%": 1, "off": 1, "1%": 0.01}
	for text, want := range good {
		var got float64
		if err := fraction(&got)(value{text: text}); err != nil || got != want {
			t.Errorf("fraction(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"10", "1", "-1%", "101%", "nan", "inf", "NaN%", "ten", "%"} {
		if err := fraction(new(float64))(value{text: text}); err == nil {
			t.Errorf("fraction(%q) has no error", text)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	good := map[string]int64{"4MiB": 4 << 20, "4MB": 4_000_000, "65536": 64 << 10, "64 kib": 64 << 10, "90MiB": 90 << 20}
	for text, want := range good {
		var got int64
		if err := size(&got, 64<<10, 90<<20)(value{text: text}); err != nil || got != want {
			t.Errorf("size(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"4XB", "63KiB", "91MiB", "-4MiB", "MiB", "1e9", "99999999EiB", "4"} {
		if err := size(new(int64), 64<<10, 90<<20)(value{text: text}); err == nil {
			t.Errorf("size(%q) has no error", text)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	var got time.Duration
	if err := duration(&got, 2*time.Second, 10*time.Minute)(value{text: "1m30s"}); err != nil || got != 90*time.Second {
		t.Errorf("duration = %v, %v; want 1m30s", got, err)
	}
	for _, text := range []string{"30", "1s", "11m", "-5s", "soon"} {
		err := duration(new(time.Duration), 2*time.Second, 10*time.Minute)(value{text: text})
		if err == nil || !strings.Contains(err.Error(), "2s to 10m") {
			t.Errorf("duration(%q) = %v; want the limits", text, err)
		}
	}
}

func TestAlias(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"persons", "persons-v2", "persons.2", "2024-persons", "ärzte", "lock", "-1x"[1:], strings.Repeat("a", 180)} {
		if err := alias(new(string))(value{text: name}); err != nil {
			t.Errorf("alias %q: %v", name, err)
		}
	}
	for _, name := range []string{
		"Persons", "a b", "a*", "a,b", "a#", "a:b", "a/b", `a\b`, "a\x00", "a\xff", "-a", "_a", "+a", ".a", "..",
		"a%b", "persons-000042", "persons-1", "lock-persons", "persons.claim-1-x", "persons.w-1-x", strings.Repeat("a", 181),
	} {
		if err := alias(new(string))(value{text: name}); err == nil {
			t.Errorf("alias %q has no error", name)
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("ab", 32)
	for _, text := range []string{want, strings.ToUpper(want), strings.TrimSuffix(strings.Repeat("AB:", 32), ":")} {
		var got string
		if err := fingerprint(&got)(value{text: text}); err != nil || got != want {
			t.Errorf("fingerprint(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"ab", want + "00", strings.Repeat("xy", 32)} {
		if err := fingerprint(new(string))(value{text: text}); err == nil {
			t.Errorf("fingerprint(%q) has no error", text)
		}
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	f := readYAML("reindex.yaml", nil, settings(&Config{})).top
	tests := []struct{ field, want string }{
		{"load.worker", "did you mean load.workers?"},
		{"load.batchBytes", "did you mean load.batch_bytes?"},
		{"elasticsaerch.url", "did you mean elasticsearch.url?"},
		{"batch_bytes", "did you mean load.batch_bytes?"},
		{"gate", "did you mean gates?"},
		{"source.list", "did you mean source.lists?"},
		{"lock.zzzzzzzz", "known here: lease"},
		{"qqqqqqqq", "known here: alias, elasticsearch, source, index, load, gates, lock, catch_up, schedule, history, notify, metrics, indices"},
	}
	for _, tt := range tests {
		if got := f.suggest(tt.field); got != tt.want {
			t.Errorf("suggest(%q) = %q; want %q", tt.field, got, tt.want)
		}
	}
}
