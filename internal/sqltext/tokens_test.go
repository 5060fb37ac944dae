package sqltext

import (
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	const text = `SELECT 'a--b', now /* ( */ ( ), "The "" Name", $tag$ it's $tag$, E'\'', 1.5 -- the end`
	var got []string
	for token := range Tokens(text) {
		got = append(got, [...]string{"word", "name", "string", "sign"}[token.Kind]+" "+token.Text)
	}
	want := []string{
		"word SELECT", "string 'a--b'", "sign ,", "word now", "sign (", "sign )", "sign ,", `name "The "" Name"`, "sign ,",
		"string $tag$ it's $tag$", "sign ,", `string E'\''`, "sign ,",
	}
	if len(got) < len(want) || strings.Join(got[:len(want)], "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s\nand a number", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
