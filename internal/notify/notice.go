package notify

// Started is the event of a run that has got the lock. The other events are
// the outcomes of a run.
const Started = "started"

// Notice is what there is to tell. It must hold no secret and no document.
type Notice struct {
	Event  string
	Title  string // the news in one line
	Reason string // what went wrong, in full; may be empty
	Hint   string // what to do about it; may be empty
	Facts  []Fact // for people, in this order
	// Details are for programs: the body of a generic notice, to which event,
	// title, reason and hint are added.
	Details map[string]any
}

// Fact is one line of a notice.
type Fact struct{ Name, Value string }

// mood is how much the event matters.
type mood int

const (
	moodPlain mood = iota
	moodGood
	moodBad
)

func (n Notice) mood() mood {
	switch n.Event {
	case "swapped":
		return moodGood
	case "refused", "failed", "lost", "unknown":
		return moodBad
	}
	return moodPlain
}

// maxReason bounds a reason in characters: chat services refuse or hide what is
// much longer, and the log has all of it.
const maxReason = 1500

// cut is s, or its beginning and three dots.
func cut(s string) string {
	runes := 0
	for i := range s {
		if runes == maxReason {
			return s[:i] + "..."
		}
		runes++
	}
	return s
}
