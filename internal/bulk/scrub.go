package bulk

import (
	"strings"
	"unicode/utf8"
)

// maxReason keeps one failure on one or two lines of a terminal.
const maxReason = 300

// scrub removes document content from a reason. Elasticsearch quotes values
// ("Preview of field's value: '...'", "Unrecognized token '...'") and whole
// documents ("[Source: (byte[])..."), so everything is cut from the first
// thing that looks like a quotation. What stays is what it says about fields
// and types, without position and id, so that equal faults read alike.
func scrub(reason string) string {
	reason = nameField(cutPositions(strings.TrimSpace(reason)))
	for _, mark := range []string{
		" in document with id", "Preview of field", " at [Source", "\n",
		"'", `"`, "(", "value [", "date field [", "text [", "string [", "input [",
	} {
		reason, _, _ = strings.Cut(reason, mark)
	}
	return shorten(strings.TrimRight(reason, " .:,"))
}

// nameField saves the one quotation that people need: the name of the field
// in `immense term in field="..."`.
func nameField(reason string) string {
	before, after, found := strings.Cut(reason, `field="`)
	if !found {
		return reason
	}
	name, _, _ := strings.Cut(after, `"`)
	return before + "field [" + name + "]"
}

// cutPositions removes "[1:6] ", the line and column of a parse error.
func cutPositions(reason string) string {
	var kept strings.Builder
	for {
		before, after, found := strings.Cut(reason, "[")
		kept.WriteString(before)
		if !found {
			return kept.String()
		}
		position, rest, closed := strings.Cut(after, "] ")
		if closed && strings.Contains(position, ":") && strings.Trim(position, "0123456789:") == "" {
			reason = rest
			continue
		}
		kept.WriteByte('[')
		reason = after
	}
}

func shorten(text string) string {
	if len(text) <= maxReason {
		return text
	}
	cut := maxReason
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
