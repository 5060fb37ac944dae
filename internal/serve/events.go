package serve

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// events is a stream of server-sent events: each is an object of HTML by the id
// of the element that it replaces.
func (s *Server) events(w http.ResponseWriter, req *http.Request) {
	topic := req.URL.Query().Get("topic")
	if s.fragments(topic) == nil {
		s.fail(w, req, http.StatusNotFound, "There is no such page.")
		return
	}
	events, leave, ok := s.hub.join(topic, s.MaxStreams)
	if !ok {
		w.Header().Set("Retry-After", "30")
		s.fail(w, req, http.StatusServiceUnavailable, "Too many event streams are open; reload the page by hand.")
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	control := http.NewResponseController(w)
	write := func(event []byte) bool {
		// A client that takes nothing is cut off.
		if control.SetWriteDeadline(time.Now().Add(s.StreamTime)) != nil {
			return false
		}
		_, err := w.Write(event)
		return err == nil && control.Flush() == nil
	}
	// The server's limit for reading a request has passed by then.
	if control.SetReadDeadline(time.Time{}) != nil || !write([]byte("retry: 3000\n\n")) {
		return
	}
	heartbeat := time.NewTicker(heartbeatTime)
	defer heartbeat.Stop()
	for {
		select {
		case <-req.Context().Done():
			return
		case event, open := <-events:
			if !open || !write(event) {
				return
			}
		case <-heartbeat.C:
			// A role that was taken away, or a session that ended, ends the stream.
			if !s.Gate.Person(req).Known() || !write([]byte(": still here\n\n")) {
				return
			}
		}
	}
}

// fragments renders what a topic shows, as an event; nil if there is no such
// topic. A topic is "overview", "i/NAME" or "j/JOB/NAME".
func (s *Server) fragments(topic string) []byte {
	var name string
	var data any
	index, isIndex := strings.CutPrefix(topic, "i/")
	number, of, isJob := strings.Cut(strings.TrimPrefix(topic, "j/"), "/")
	switch {
	case strings.HasPrefix(topic, "j/") && isJob && s.byName[of] != nil:
		j, err := s.job(number, s.byName[of])
		if err != nil {
			return nil
		}
		name, data = "job-live", map[string]any{"Index": of, "Job": j}
	case topic == "overview":
		name, data = "overview-live", s.overview()
	case isIndex && s.byName[index] != nil:
		name, data = "index-live", s.indexView(s.byName[index])
	default:
		return nil
	}
	var html bytes.Buffer
	if err := s.pages.fragment(&html, name, data); err != nil {
		return nil
	}
	text, err := json.Marshal(map[string]string{"live": html.String()})
	if err != nil {
		return nil
	}
	return []byte("event: show\ndata: " + string(text) + "\n\n")
}
