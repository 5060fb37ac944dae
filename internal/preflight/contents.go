package preflight

import (
	"encoding/json"
	"fmt"

	"example.com/reindex/internal/readback"
)

// Contents is whether verify can compare what an index of this body gives back
// with what was sent. A run does not need that.
func Contents(body json.RawMessage) Finding {
	const subject = "contents"
	var b struct {
		Settings map[string]any
		Mappings json.RawMessage
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return ok(subject, "the index body is looked at elsewhere") // it is no JSON, and that is reported
	}
	if problem := readback.ContentProblem(b.Mappings); problem != "" {
		return warning(subject, "verify and verify --repair cannot compare documents: "+problem, "a run is not affected")
	}
	nested, _ := b.Settings["index"].(map[string]any)
	for _, name := range []string{"default_pipeline", "final_pipeline"} {
		for _, value := range []any{b.Settings[name], b.Settings["index."+name], nested[name]} {
			if value != nil && value != "_none" {
				return warning(subject, fmt.Sprintf("index.%s is %v: where it changes documents, verify finds them different each time", name, value),
					"a run is not affected; leave verify out, or do in SQL what the pipeline does")
			}
		}
	}
	return ok(subject, "verify can compare documents")
}
