package pipeline

import (
	"context"
	"errors"
	"fmt"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/document"
)

// Planned is what a run that starts now would do.
type Planned struct {
	Index     string // that it would build
	Live      string // that it would replace; "" on the first run
	Documents int64  // exactly, in a snapshot taken now
	// AverageBytes is the mean JSON size of the first documents that were
	// read, SampledDocuments how many.
	AverageBytes, SampledDocuments int64
	LiveDocuments                  int64
	Retired                        []string          // generations that would be deleted
	Left                           map[string]string // those that would be but for the reason given
	Locked                         bool
	Holder                         esalias.Record // if Locked
	// Refused is the *GateError that the run would end with, as far as the numbers
	// of documents decide; nil if there is none.
	Refused error
}

// planSample is how many documents are read to guess the size of all.
const planSample = 2000

var errSampled = errors.New("sampled")

// Plan looks at both sides and says what a run would do. It takes no lease and
// changes nothing.
func Plan(ctx context.Context, deps Deps, opts Options) (Planned, error) {
	status, err := deps.Alias.Status(ctx)
	if err != nil {
		return Planned{}, err
	}
	if status.Shape != nil {
		return Planned{}, status.Shape
	}
	p := Planned{
		Index: status.NextIndex, Live: status.Live, LiveDocuments: status.LiveDocuments,
		Locked: status.Locked, Holder: status.Record,
	}
	p.Retired, p.Left = status.Retires(opts.Keep)
	snapshot, err := deps.Snapshot(ctx)
	if err != nil {
		return p, err
	}
	if err = p.sample(ctx, snapshot); err == nil {
		p.Refused = p.judge(opts.Gates)
	}
	return p, errors.Join(err, snapshot.Close())
}

// judge asks the gates about the documents that the source has now.
func (p *Planned) judge(gates Gates) error {
	const refused = "would not be swapped"
	if p.Live != "" && p.LiveDocuments < 0 && !gates.shrinkOff() {
		return &GateError{Refused: refused, Gate: "max_shrink", Reason: "the live " + p.Live + " cannot be counted"}
	}
	return gates.Judge(Change{Refused: refused, Live: p.Live, Before: p.LiveDocuments, After: p.Documents})
}

func (p *Planned) sample(ctx context.Context, snapshot Snapshot) (err error) {
	var bytes int64
	_, err = snapshot.Stream(ctx, func(d document.Document) error {
		p.SampledDocuments++
		bytes += int64(len(d.JSON))
		if p.SampledDocuments >= planSample {
			return errSampled
		}
		return nil
	})
	if err != nil && !errors.Is(err, errSampled) {
		return fmt.Errorf("sample documents: %w", err)
	}
	if p.SampledDocuments > 0 {
		p.AverageBytes = bytes / p.SampledDocuments
	}
	p.Documents, err = snapshot.Count(ctx)
	return err
}
