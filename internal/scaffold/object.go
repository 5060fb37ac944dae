package scaffold

import (
	"bytes"
	"encoding/json"
	"strings"
)

// object is a JSON object whose members keep their order, so that a mapping has
// the order of the columns and a person finds both side by side.
type object []member

type member struct {
	name  string
	value any // what encoding/json takes, or an object
}

func (o object) get(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// with returns a copy of o that has another member at its end.
func (o object) with(name string, value any) object {
	return append(append(object{}, o...), member{name, value})
}

// MarshalJSON keeps the order of the members.
func (o object) MarshalJSON() ([]byte, error) { return []byte(o.oneLine()), nil }

// lineLength is how long a line of an index body becomes before an object takes
// several.
const lineLength = 120

// indent writes o over several lines: an object that has room in one line
// stays in one.
func (o object) indent(b *strings.Builder, margin string) {
	b.WriteString("{\n")
	for i, m := range o {
		b.WriteString(margin + "  " + text(m.name) + ": ")
		inner, isObject := m.value.(object)
		line := text(m.value)
		switch {
		case isObject && (len(margin)+len(m.name)+len(line) > lineLength || inner.get("properties") != nil || margin == "" || m.name == "properties"):
			inner.indent(b, margin+"  ")
		default:
			b.WriteString(line)
		}
		if i < len(o)-1 {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	b.WriteString(margin + "}")
}

func (o object) oneLine() string {
	if len(o) == 0 {
		return "{}"
	}
	parts := make([]string, len(o))
	for i, m := range o {
		parts[i] = text(m.name) + ": " + text(m.value)
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// text is a value in one line.
func text(value any) string {
	if o, ok := value.(object); ok {
		return o.oneLine()
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "null" // strings, numbers and truth values always have a form
	}
	return strings.TrimSuffix(b.String(), "\n")
}
