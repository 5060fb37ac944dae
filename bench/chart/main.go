// Command chart draws the figures that bench keeps as JSON:
//
//	cd bench && go run ./chart out/20260102-150405.json ../docs/bench.svg
//
// Bars are medians, the thin lines go from the least to the most. The form of
// the picture follows the ending of its name: svg, png or pdf.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// figures are what matters here of bench's file.
type figures struct {
	Documents int
	Samples   []struct {
		Way, Label string
		Speed      float64 `json:"docs_per_second"`
		Scale      float64
	}
}

// bars are the ways, from the bottom of the chart to its top.
type bars struct {
	labels  []string
	medians plotter.Values
	spreads plotter.XErrors
	ends    plotter.XYs
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("want the file with the figures and the picture to write")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var f figures
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("read %s: %w", args[0], err)
	}
	return draw(f, f.bars(), args[1])
}

func (f figures) bars() (b bars) {
	speeds, labels := map[string][]float64{}, map[string]string{}
	var order []string
	for _, s := range f.Samples {
		if speeds[s.Way] == nil {
			order = append(order, s.Way)
		}
		speeds[s.Way] = append(speeds[s.Way], s.Speed)
		labels[s.Way] = s.Label
		if s.Scale > 1 {
			labels[s.Way] += " *"
		}
	}
	for i, way := range slices.Backward(order) {
		values := slices.Sorted(slices.Values(speeds[way]))
		median := values[len(values)/2]
		b.labels = append(b.labels, labels[way])
		b.medians = append(b.medians, median)
		b.ends = append(b.ends, plotter.XY{X: median, Y: float64(len(order) - 1 - i)})
		b.spreads = append(b.spreads, struct{ Low, High float64 }{median - values[0], values[len(values)-1] - median})
	}
	return b
}

func draw(f figures, b bars, name string) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Documents per second, %d documents, refresh included", f.Documents)
	p.Title.Padding = vg.Points(8)
	p.BackgroundColor = color.White
	p.X.Min = 0
	chart, err := plotter.NewBarChart(b.medians, vg.Points(18))
	if err != nil {
		return err
	}
	chart.Horizontal, chart.LineStyle.Width = true, 0
	chart.Color = color.RGBA{R: 0x3b, G: 0x73, B: 0xaf, A: 0xff}
	spreads, err := plotter.NewXErrorBars(struct {
		plotter.XYs
		plotter.XErrors
	}{b.ends, b.spreads})
	if err != nil {
		return err
	}
	numbers, err := plotter.NewLabels(plotter.XYLabels{XYs: b.tops(), Labels: b.numbers()})
	if err != nil {
		return err
	}
	numbers.Offset.X, numbers.Offset.Y = vg.Points(5), vg.Points(-4)
	p.Add(chart, spreads, numbers)
	p.NominalY(b.labels...)
	p.X.Max *= 1.12 // room for the numbers
	p.Y.Min, p.Y.Max = -0.5, float64(len(b.labels))-0.5
	return p.Save(vg.Points(660), vg.Points(float64(70+34*len(b.labels))), name)
}

// tops are where the numbers stand: right of bar and spread.
func (b bars) tops() plotter.XYs {
	tops := slices.Clone(b.ends)
	for i := range tops {
		tops[i].X += b.spreads[i].High
	}
	return tops
}

func (b bars) numbers() []string {
	var numbers []string
	for _, m := range b.medians {
		numbers = append(numbers, fmt.Sprintf("%.0f", m))
	}
	return numbers
}
