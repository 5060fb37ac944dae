package serve

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// number is a count, and ? for one that could not be made.
func number(n int64) string {
	if n < 0 {
		return "?"
	}
	return humanize.Comma(n)
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// duration is short, and exact enough for a person.
func duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// moment is a time for people: when, and how long ago or ahead, which the script
// keeps up to date.
func moment(t time.Time) template.HTML {
	if t.IsZero() {
		return "never"
	}
	relative := duration(time.Since(t)) + " ago"
	if ahead := time.Until(t); ahead > 0 {
		relative = "in " + duration(ahead)
	}
	return template.HTML(fmt.Sprintf( //nolint:gosec // G203: made of times only
		`<time datetime="%s"><span data-ago>%s</span> <span class="quiet">%s</span></time>`,
		t.UTC().Format(time.RFC3339), relative, t.UTC().Format("2006-01-02 15:04 UTC")))
}

func millis(ms int64) string { return duration(time.Duration(ms) * time.Millisecond) }

func firstLine(s string) string {
	const longest = 300
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "..."
	}
	return s
}

func escapePath(path string) string { return url.QueryEscape(path) }
