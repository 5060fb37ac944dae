package history

import (
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/pipeline"
)

// States of a run that has no outcome of its own. The other values of
// [Record.Outcome] are those of [pipeline.Outcome].
const (
	Running = "running"
	Waiting = "waiting" // for the lock; made by [Judge]
	Died    = "died"    // ended without a word; made by [Judge]
)

// CommandRun is the command of a run.
const CommandRun = "run"

// Record is one run, or another act that changed what readers see, what they
// could be given back, or who may change it. Counts are those so far while it runs.
type Record struct {
	RunID   string `json:"run_id"`
	Alias   string `json:"alias"`
	Command string `json:"command,omitempty"` // of the program; a run has none if an older version wrote it
	Outcome string `json:"outcome"`
	Trigger string `json:"trigger"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	User    string `json:"user,omitempty"`
	Version string `json:"version,omitempty"` // of the program

	Phase    pipeline.Phase `json:"phase,omitempty"` // the last one reached; empty before the lock was
	Token    int64          `json:"token,omitempty"`
	Index    string         `json:"index,omitempty"`
	Previous string         `json:"previous,omitempty"` // live before

	Started    time.Time  `json:"started"`
	Updated    time.Time  `json:"updated"` // when the record was written
	Ended      *time.Time `json:"ended,omitempty"`
	SnapshotAt *time.Time `json:"snapshot_at,omitempty"`

	Estimate     int64 `json:"estimate,omitempty"` // of all documents
	Read         int64 `json:"read"`
	Acknowledged int64 `json:"acknowledged"`
	Failed       int64 `json:"failed"`
	Retried      int64 `json:"retried"`
	Bytes        int64 `json:"bytes"`
	Verified     int64 `json:"documents_verified"` // a search of the new index counted before the swap
	Documents    int64 `json:"documents"`          // a search counts in the end
	// Lists counts the elements of each list, by field.
	Lists map[string]int64 `json:"lists,omitempty"`

	Passes        int                `json:"passes"`
	Changed       int64              `json:"changed"`
	Removed       int64              `json:"removed"`
	PassFailed    int64              `json:"pass_failed"`
	LagMS         int64              `json:"lag_ms,omitempty"`
	Guarantee     pipeline.Guarantee `json:"guarantee,omitempty"`
	LeftToWriters int64              `json:"left_to_writers"`

	DurationMS   int64            `json:"duration_ms"`
	LoadMS       int64            `json:"load_duration_ms"`
	PhaseAfterMS map[string]int64 `json:"phase_after_ms,omitempty"`
	Retired      []string         `json:"retired,omitempty"`

	Error        string `json:"error,omitempty"`
	CatchUpError string `json:"catch_up_error,omitempty"`
	RetireError  string `json:"retire_error,omitempty"`
	// HeldBy is who held the lock, of a run with outcome locked.
	HeldBy *esalias.Holder `json:"held_by,omitempty"`
	// CutOff is who held the lock until an unlock took it away.
	CutOff *esalias.Holder `json:"cut_off,omitempty"`

	Detail *Detail `json:"detail,omitempty"`
}

// IsRun tells a run from another act.
func (r Record) IsRun() bool { return r.Command == "" || r.Command == CommandRun }

// start is the record of a run that begins.
func start(alias string, who esalias.Holder, command string, at time.Time) Record {
	return Record{
		RunID: who.RunID, Alias: alias, Command: command, Outcome: Running, Trigger: who.Trigger,
		Host: who.Host, PID: who.PID, User: who.User, Version: who.Version, Started: at.UTC(),
	}
}

// progress takes over how far the load is.
func (r *Record) progress(p pipeline.Progress) {
	r.Token, r.Index, r.Estimate = p.Token, p.Index, p.Estimate
	r.Acknowledged, r.Failed = p.Documents-p.Failed, p.Failed
	r.Retried, r.Bytes = p.Retried, p.Bytes
	r.LoadMS = p.Elapsed.Milliseconds()
}

// end takes over how the run ended. The error must hold no secret.
func (r *Record) end(e Ending) {
	report := e.Report
	ended := r.Started.Add(report.Duration)
	r.Ended, r.Outcome = &ended, string(report.Outcome)
	r.Token, r.Index, r.Previous = report.Token, report.Index, report.Previous
	if !report.SnapshotAt.IsZero() {
		at := report.SnapshotAt.UTC()
		r.SnapshotAt = &at
	}
	r.Read, r.Acknowledged, r.Failed = report.Read, report.Acknowledged, report.Failed
	r.Retried, r.Bytes, r.Documents = report.Retried, report.Bytes, report.Documents
	r.Verified, r.Lists = report.Verified, report.Lists
	r.Passes, r.Changed, r.Removed, r.PassFailed = report.Passes, report.Changed, report.Removed, report.PassFailed
	r.LagMS, r.Guarantee, r.LeftToWriters = report.Lag.Milliseconds(), report.Guarantee, report.LeftToWriters
	r.DurationMS, r.LoadMS = report.Duration.Milliseconds(), report.Loading.Milliseconds()
	r.PhaseAfterMS = map[string]int64{}
	for _, p := range report.Phases {
		r.Phase, r.PhaseAfterMS[string(p.Phase)] = p.Phase, p.After.Milliseconds()
	}
	r.Retired = report.Deleted
	r.Error, r.CatchUpError, r.RetireError = e.Failure, report.CatchUpError, report.RetireError
	r.HeldBy, r.CutOff = e.HeldBy, e.CutOff
}

// Rate is documents a second while loading, and Left the time until the
// estimate is reached at that rate; both are 0 if that cannot be told.
func (r Record) Rate() (perSecond float64, left time.Duration) {
	loaded := r.Acknowledged + r.Failed
	if loaded <= 0 || r.LoadMS <= 0 {
		return 0, 0
	}
	perSecond = float64(loaded) * 1000 / float64(r.LoadMS)
	if r.Estimate > loaded {
		left = time.Duration(float64(r.Estimate-loaded) / perSecond * float64(time.Second))
	}
	return perSecond, left
}
