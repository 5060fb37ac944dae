package bulk

import (
	"strings"
	"testing"
	"time"
)

func TestOptionsValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts Options
		want string // part of the error; empty for none
	}{
		"the target alone is enough":        {Options{Target: "persons.w-42-ab"}, ""},
		"the target is missing":             {Options{}, "Target is empty"},
		"the target is a pattern":           {Options{Target: "persons*"}, `Target is "persons*"`},
		"the target leaves its path":        {Options{Target: "a/_doc"}, `Target is "a/_doc"`},
		"the target is an API":              {Options{Target: "_all"}, `Target is "_all"`},
		"workers are negative":              {Options{Target: "a", Workers: -1}, "Workers is -1"},
		"workers are too many":              {Options{Target: "a", Workers: 65}, "Workers is 65"},
		"a batch is smaller than documents": {Options{Target: "a", BatchBytes: 1023}, "BatchBytes is 1023"},
		"a batch is larger than a request":  {Options{Target: "a", BatchBytes: 90<<20 + 1}, "want 1 KiB to 90 MiB"},
		"failures are negative":             {Options{Target: "a", MaxFailures: -1}, "MaxFailures is -1"},
		"retries are negative":              {Options{Target: "a", RetryFor: -time.Second}, "RetryFor is -1s"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.opts.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Validate() = %v; want %q", err, tt.want)
			}
		})
	}
}
