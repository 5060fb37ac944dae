package source

import (
	"context"
	"sync"
	"time"
)

// DefaultGiveWay is how long another session waits for a snapshot before that ends, if Config does not say.
const DefaultGiveWay = 5 * time.Second

// watch looks for sessions that wait for the snapshot, until it ends. Who has waited for too long
// is why it ends.
func (s *Snapshot) watch() {
	giveWay := s.source.giveWay
	ticker := time.NewTicker(max(min(giveWay/4, 500*time.Millisecond), 10*time.Millisecond))
	defer ticker.Stop()
	since := map[string]time.Time{} // by process
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		waiting, err := s.holder.waiters(s.processes())
		if err != nil {
			return // the connection is lost; who reads or joins the snapshot next finds out
		}
		now, still := time.Now(), map[string]time.Time{}
		for _, w := range waiting {
			first, seen := since[w.pid]
			if !seen {
				first = now
			}
			still[w.pid] = first
			if waited := now.Sub(first); waited >= giveWay {
				s.letGo(&InterruptedError{Table: w.table, For: w.session(), Waited: waited})
				return
			}
		}
		since = still
	}
}

// letGo ends the snapshot, and with it all locks, whatever its sessions do.
func (s *Snapshot) letGo(why *InterruptedError) {
	s.stop(why)
	s.mu.Lock()
	var open []*session
	for session := range s.sessions {
		open = append(open, session)
	}
	s.mu.Unlock()
	var drops sync.WaitGroup
	for _, session := range open {
		drops.Go(func() { session.drop(why) })
	}
	drops.Wait()
	_ = s.holder.release() // the server ends what we could not
}

// giveWayNow ends the snapshot if anybody waits for it, and returns why it has ended, or nil if it goes on. It is for
// who cannot go on without a lock.
func (s *Snapshot) giveWayNow() error {
	if cause := s.interrupted(); cause != nil {
		return cause
	}
	waiting, err := s.holder.waiters(s.processes())
	if err == nil && len(waiting) > 0 {
		s.letGo(&InterruptedError{Table: waiting[0].table, For: waiting[0].session()})
	}
	return s.interrupted()
}

// interrupted returns why the snapshot has ended early, or nil.
func (s *Snapshot) interrupted() error {
	if s.ctx.Err() == nil {
		return nil
	}
	return context.Cause(s.ctx)
}

// processes are the server's processes of all open sessions but the holder's.
func (s *Snapshot) processes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]string, 0, len(s.sessions)+1)
	for session := range s.sessions {
		list = append(list, session.process)
	}
	return list
}

// patiently repeats what did not get a lock in the short time that sessions of a snapshot wait for one. Where
// somebody waits for the snapshot, as an ALTER TABLE does before which we must not queue, it ends; else
// somebody has a table that was not locked beforehand, as only functions read it.
func (s *Snapshot) patiently(do func() error) error {
	for began := time.Now(); ; {
		err := do()
		if !timedOutForLock(err) {
			return err
		}
		if cause := s.giveWayNow(); cause != nil {
			return cause
		}
		if time.Since(began) > s.source.lockWait {
			return err
		}
	}
}

// snapshots are those of a source that are open.
type snapshots struct {
	mu   sync.Mutex
	open map[*Snapshot]struct{}
}

func (l *snapshots) add(s *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*Snapshot]struct{}{}
	}
	l.open[s] = struct{}{}
}

func (l *snapshots) remove(s *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, s)
}

func (l *snapshots) list() []*Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*Snapshot
	for s := range l.open {
		list = append(list, s)
	}
	return list
}

// giveWayEarlier ends those snapshots of the source that somebody waits for.
func (s *Source) giveWayEarlier() {
	for _, earlier := range s.earlier.list() {
		_ = earlier.giveWayNow() // the reason is for who still reads it
	}
}
