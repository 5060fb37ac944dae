package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// WriteFile puts the figures of the run into the file at path, with the label
// alias. What the file says about other aliases, and what this run has nothing
// to say about, stays. The file is replaced in one step and readable by all
// (0644); its name should end in .prom, or the node exporter does not read it.
//
// Two runs that end on one host at the same moment may overwrite each other's
// figures. A file that cannot be understood is replaced, and that is an error.
func WriteFile(path string, r Run) error {
	alias := r.Report.Alias
	fresh, err := r.figures(prometheus.Labels{"alias": alias}).Gather()
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	old, readErr := readFile(path)
	merged := merge(old, fresh, alias)
	if err := prometheus.WriteToTextfile(path, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		return merged, nil
	})); err != nil {
		return fmt.Errorf("write metrics to %s: %w", path, errors.Join(readErr, err))
	}
	if readErr != nil {
		return fmt.Errorf("metrics in %s were replaced, not added to: %w", path, readErr)
	}
	return nil
}

func readFile(path string) (map[string]*dto.MetricFamily, error) {
	file, err := os.Open(path) //nolint:gosec // G304: the path is the user's setting
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(file)
	if err != nil {
		return nil, err // what was read before the error may lack a part
	}
	return families, nil
}

// merge is fresh and whatever of old it does not replace, by name.
func merge(old map[string]*dto.MetricFamily, fresh []*dto.MetricFamily, alias string) []*dto.MetricFamily {
	for _, family := range fresh {
		before, ok := old[family.GetName()]
		delete(old, family.GetName())
		if !ok || before.GetType() != family.GetType() {
			continue
		}
		others := slices.DeleteFunc(before.GetMetric(), func(m *dto.Metric) bool { return isOf(m, alias) })
		family.Metric = append(others, family.GetMetric()...)
	}
	for _, family := range old {
		fresh = append(fresh, family)
	}
	slices.SortFunc(fresh, func(a, b *dto.MetricFamily) int {
		return strings.Compare(a.GetName(), b.GetName())
	})
	return fresh
}

func isOf(m *dto.Metric, alias string) bool {
	return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
		return l.GetName() == "alias" && l.GetValue() == alias
	})
}
