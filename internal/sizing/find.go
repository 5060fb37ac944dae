package sizing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Setting is what is tried.
type Setting struct {
	Workers    int // bulk requests in flight
	BatchBytes int
}

// memory is what the batches of a setting take.
func (s Setting) memory() int { return s.Workers * s.BatchBytes }

// Trial is one setting and how fast it was.
type Trial struct {
	Setting
	Rounds []float64 // documents per second
	Busy   bool      // Elasticsearch refused work, so the setting is out
}

// Speed is the median of the rounds, in documents per second; 0 if Busy.
func (t Trial) Speed() float64 {
	if t.Busy || len(t.Rounds) == 0 {
		return 0
	}
	rounds, n := slices.Sorted(slices.Values(t.Rounds)), len(t.Rounds)
	return (rounds[(n-1)/2] + rounds[n/2]) / 2
}

// Options say how to search. All fields but Observe and Rounds are required.
type Options struct {
	// Name tells the indices of this search from those of others; it is part
	// of their names, so in lower case, and unique.
	Name string
	// Body is {settings, mappings} as the create-index API takes them.
	Body json.RawMessage
	// Rounds is how often each setting is tried. Defaults to 3.
	Rounds int
	// Current is what runs use now. It is tried with the others, so that
	// [Result.Matters] can say whether another setting is worth it. Defaults to none.
	Current Setting
	// Observe is told of every load and its documents per second, 0 if work
	// was refused. Defaults to nobody.
	Observe func(Setting, float64)
}

// Result is what was tried and what to use.
type Result struct {
	// Workers are trials of one batch size, Sizes of one number of workers.
	// Speeds compare within each only: machines drift.
	Workers, Sizes []Trial
	// Best takes the least memory of those Sizes within a tenth of the
	// fastest: what is closer than that is noise.
	Best Setting
	// Skipped are settings that the sample is too small for.
	Skipped []Setting

	current Setting
}

// near is the share of the fastest above which a difference is noise.
const near = 0.9

// Matters says whether Best is worth a change of what runs use now: it is not
// while the current number of workers and the current batch size are both within
// a tenth of the fastest. known is false if the sample was too small to try them.
func (r Result) Matters() (matters, known bool) {
	workers, known := isNear(r.Workers, func(s Setting) bool { return s.Workers == r.current.Workers })
	if !known {
		return false, false
	}
	sizes, known := isNear(r.Sizes, func(s Setting) bool { return s.BatchBytes == r.current.BatchBytes })
	return known && (!workers || !sizes), known
}

// isNear compares the trial that is wanted with the fastest.
func isNear(trials []Trial, wanted func(Setting) bool) (yes, known bool) {
	i := slices.IndexFunc(trials, func(t Trial) bool { return wanted(t.Setting) })
	if i < 0 {
		return false, false
	}
	return trials[i].Speed() >= near*fastest(trials).Speed(), true
}

func fastest(trials []Trial) Trial {
	return slices.MaxFunc(trials, func(a, b Trial) int { return cmp.Compare(a.Speed(), b.Speed()) })
}

type finder struct {
	es     esapi.Transport
	sample *Sample
	opts   Options
	trials int
	result Result
}

const (
	// firstBytes is the batch size with which the number of workers is found:
	// small, so that a sample fills many.
	firstBytes = 1 << 20
	// A JVM that is warm is not faster the next time by more than this.
	warm     = 1.1
	mostWarm = 6
)

// Find tries numbers of workers, and then batch sizes with the number that
// paid. It fails if documents are rejected or the cluster does not answer, with
// the cause of ctx if that ended. Its indices are gone when it returns, or the
// error names the one that is not.
func Find(ctx context.Context, es esapi.Transport, sample *Sample, opts Options) (Result, error) {
	if sample.Documents() == 0 {
		return Result{}, errors.New("the source has no documents to try with")
	}
	opts.Rounds = cmp.Or(opts.Rounds, 3)
	if opts.Observe == nil {
		opts.Observe = func(Setting, float64) {}
	}
	f := &finder{es: es, sample: sample, opts: opts, result: Result{current: opts.Current}}
	err := f.find(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = errors.Join(cause, err)
	}
	return f.result, err
}

func (f *finder) find(ctx context.Context) error {
	if err := f.warmUp(ctx); err != nil {
		return err
	}
	var settings []Setting
	for _, workers := range with(f.opts.Current.Workers, 1, 2, 4, 8) {
		settings = append(settings, Setting{workers, firstBytes})
	}
	best, err := f.try(ctx, settings, &f.result.Workers)
	if err != nil {
		return err
	}
	settings = settings[:0]
	for _, size := range with(f.opts.Current.BatchBytes, 256<<10, 512<<10, firstBytes, 2<<20, 4<<20, 8<<20) {
		settings = append(settings, Setting{best.Workers, size})
	}
	f.result.Best, err = f.try(ctx, settings, &f.result.Sizes)
	return err
}

// with are the numbers in ascending order, one more among them unless it is 0.
func with(one int, numbers ...int) []int {
	if one > 0 && !slices.Contains(numbers, one) {
		numbers = append(numbers, one)
		slices.Sort(numbers)
	}
	return numbers
}

// warmUp loads the sample until that does not get faster: a young JVM runs at
// a third of its speed.
func (f *finder) warmUp(ctx context.Context) error {
	before := 0.0
	for range mostWarm {
		took, err := f.load(ctx, Setting{2, firstBytes})
		if err != nil && !errors.Is(err, errBusy) {
			return fmt.Errorf("warm up: %w", err)
		}
		speed := f.speed(took)
		if err == nil && before > 0 && speed < warm*before {
			return nil
		}
		before = speed
	}
	return nil
}

// try lets the settings take turns, round by round, and returns the best.
func (f *finder) try(ctx context.Context, settings []Setting, trials *[]Trial) (Setting, error) {
	for _, s := range settings {
		// With fewer than two batches for each worker, most of them idle.
		if len(*trials) > 0 && 2*s.memory() > f.sample.Bytes() {
			f.result.Skipped = append(f.result.Skipped, s)
			continue
		}
		*trials = append(*trials, Trial{Setting: s})
	}
	for range f.opts.Rounds {
		for i := range *trials {
			if err := f.round(ctx, &(*trials)[i]); err != nil {
				return Setting{}, err
			}
		}
	}
	return choose(*trials)
}

func (f *finder) round(ctx context.Context, t *Trial) error {
	if t.Busy {
		return nil
	}
	took, err := f.load(ctx, t.Setting)
	switch {
	case errors.Is(err, errBusy):
		t.Busy = true
		f.opts.Observe(t.Setting, 0)
	case err != nil:
		return fmt.Errorf("try %d workers with batches of %d bytes: %w", t.Workers, t.BatchBytes, err)
	default:
		t.Rounds = append(t.Rounds, f.speed(took))
		f.opts.Observe(t.Setting, f.speed(took))
	}
	return nil
}

func (f *finder) speed(took time.Duration) float64 {
	return float64(f.sample.Documents()) / max(took, time.Microsecond).Seconds()
}

// choose returns the one with the least memory within a tenth of the fastest.
func choose(trials []Trial) (Setting, error) {
	best := fastest(trials)
	if best.Speed() == 0 {
		return Setting{}, errors.New("elasticsearch refused work at every setting: it is too busy to try anything")
	}
	chosen := best.Setting
	for _, t := range trials {
		if t.Speed() >= near*best.Speed() && t.memory() < chosen.memory() {
			chosen = t.Setting
		}
	}
	return chosen, nil
}
