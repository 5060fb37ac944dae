// Package chart draws small charts as SVG, on the server.
//
// Promise: each has a title and a sentence with its range and its last value,
// for those who do not see it; colours are the page's, by class; no style and
// no script is inside, so that the strictest policy takes it. Limit: what needs
// more than a line or bars belongs in a dashboard (see /metrics).
package chart

import (
	"fmt"
	"html/template"
	"strings"
)

// Point is one value. X counts for a line only.
type Point struct {
	X, Y  float64
	Label string
}

// Size of the drawing, in its own units; the page scales it.
const (
	width, height = 600, 120
	edge          = 4
)

// Line draws points that are in the order of X; nothing if there are fewer
// than two, or all are 0.
func Line(title string, points []Point, show func(float64) string) template.HTML {
	if len(points) < 2 || highest(points) < 1 {
		return ""
	}
	top, from, to := highest(points), points[0].X, points[len(points)-1].X
	var path strings.Builder
	for i, p := range points {
		x := edge + (p.X-from)/max(to-from, 1e-9)*(width-2*edge)
		fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x, y(p.Y, top))
	}
	area := fmt.Sprintf("%sL%d %dL%d %dZ", path.String(), width-edge, height-edge, edge, height-edge)
	return figure(title, points, show, fmt.Sprintf(`<path class="area" d="%s"/><path class="line" d="%s"/>`, area, path.String()))
}

// Bars draws one bar for each point; nothing if there is none.
func Bars(title string, points []Point, show func(float64) string) template.HTML {
	if len(points) == 0 {
		return ""
	}
	top := highest(points)
	step := min(float64(width-2*edge)/float64(len(points)), 20)
	var bars strings.Builder
	for i, p := range points {
		at := y(p.Y, top)
		fmt.Fprintf(&bars, `<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
			edge+float64(i)*step, at, max(step-2, 1), max(height-edge-at, 1), template.HTMLEscapeString(p.Label+": "+show(p.Y)))
	}
	return figure(title, points, show, bars.String())
}

// y is where a value is drawn.
func y(value, top float64) float64 { return height - edge - value/top*(height-2*edge) }

func highest(points []Point) float64 {
	top := 1e-9
	for _, p := range points {
		top = max(top, p.Y)
	}
	return top
}

func figure(title string, points []Point, show func(float64) string, drawing string) template.HTML {
	low := points[0].Y
	for _, p := range points {
		low = min(low, p.Y)
	}
	newest := points[len(points)-1]
	about := fmt.Sprintf("%d values, %s to %s; the last (%s) is %s", len(points), show(low), show(highest(points)), newest.Label, show(newest.Y))
	return template.HTML(fmt.Sprintf( //nolint:gosec // G203: what comes from outside is escaped above and here
		`<figure class="chart"><figcaption>%s <span class="quiet">%s</span></figcaption>`+
			`<svg viewBox="0 0 %d %d" role="img" aria-label="%s" preserveAspectRatio="none"><path class="axis" d="M%d %dH%d"/>%s</svg></figure>`,
		template.HTMLEscapeString(title), template.HTMLEscapeString(about), width, height,
		template.HTMLEscapeString(title+": "+about), edge, height-edge, width-edge, drawing))
}
