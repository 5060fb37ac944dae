package preflight

import (
	"encoding/json"
	"fmt"
	"strings"

	"example.com/reindex/internal/fields"
	"example.com/reindex/internal/source"
)

// Columns compares the type of each column with its field in the index body. What it
// names is accepted by Elasticsearch and read as something else.
func Columns(columns []source.Column, index json.RawMessage) (findings []Finding) {
	var body struct {
		Mappings property `json:"mappings"`
	}
	if json.Unmarshal(index, &body) != nil {
		return nil // the run reports it
	}
	for _, c := range columns {
		if c.Field == fields.DocCount {
			findings = append(findings, problem("column "+c.Field, c.Query+": Elasticsearch takes it for the number of documents that this one stands for, and multiplies counts by it",
				"give the column another name with AS"))
			continue
		}
		found, err := body.Mappings.find(c.Field)
		if err != nil {
			continue
		}
		verdict, known := fields.Judge(c.Type, found.Type, found.Format)
		if !known {
			continue
		}
		text := fmt.Sprintf("%s: %s in a field of type %s: %s", c.Query, c.Type, found.Type, verdict.Does)
		level := Warning
		if verdict.Always {
			level = Problem
		}
		findings = append(findings, Finding{Subject: "column " + c.Field, Level: level, Text: text, Hint: "write " + strings.TrimPrefix(verdict.Write, "write ")})
	}
	return findings
}

// RefuseColumns returns an [Error] if Elasticsearch would read every value of a column
// as something else.
func RefuseColumns(columns []source.Column, index json.RawMessage) error {
	for _, f := range Columns(columns, index) {
		if f.Level == Problem {
			return &Error{Finding: f}
		}
	}
	return nil
}
