package history

import (
	"time"

	"example.com/reindex/esalias"
)

// silence is after how long without an update a run is taken for dead when the
// lease cannot tell. Records are written every few seconds; a minute also
// covers clocks that differ, and the end of a run, when it has given up the
// lease and is writing its last record.
const silence = time.Minute

// Judge is the outcome as it must be shown: that of the record, unless it says
// running and the run is not. lease must have been read after the record. What
// another holder of the lease proves is told without looking at a clock; only
// where the lease is silent is the time of the last update compared with now.
func Judge(r Record, lease esalias.Record, now time.Time) string {
	if r.Outcome != Running {
		return r.Outcome
	}
	held := lease.State == esalias.StateHeld
	silent := now.Sub(r.Updated) > silence
	switch {
	case lease.Holder.RunID == r.RunID && held:
		// Renewed every tenth of the lease, so three leases are thirty chances.
		limit := max(silence, 3*time.Duration(lease.LeaseMS)*time.Millisecond)
		if silent && now.Sub(lease.RenewedAt) > limit {
			return Died
		}
		return Running
	case lease.Holder.RunID == r.RunID: // freed a moment ago, or cut off
		if silent {
			return Died
		}
		return Running
	case r.Phase != "" && lease.Token > 0: // it had the lease, and another run has had it since
		return Died
	case silent:
		return Died
	case r.Phase != "": // the lease is gone with its index; it will find out
		return Running
	}
	return Waiting
}
