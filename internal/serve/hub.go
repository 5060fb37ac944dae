package serve

import (
	"context"
	"sync"
	"time"
)

// hub tells every event stream what has changed. What a topic shows is made
// once, however many streams have it open.
type hub struct {
	render func(topic string) []byte // an event as it goes over the wire
	kick   chan struct{}

	mu     sync.Mutex
	topics map[string]*topic
	count  int
	ended  bool
}

// topic is one page; its streams share its last event.
type topic struct {
	event   []byte
	streams map[chan []byte]bool
}

func newHub(render func(string) []byte) *hub {
	return &hub{render: render, kick: make(chan struct{}, 1), topics: map[string]*topic{}}
}

// changed asks for a new look at everything that is open.
func (h *hub) changed() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// apart is the least time between two events of a stream: the output of a child
// comes line by line.
const apart = 500 * time.Millisecond

// run sends until ctx ends, and ends all streams then.
func (h *hub) run(ctx context.Context) {
	defer h.end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.kick:
		}
		h.send()
		timer := time.NewTimer(apart)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (h *hub) send() {
	h.mu.Lock()
	names := make([]string, 0, len(h.topics))
	for name := range h.topics {
		names = append(names, name)
	}
	h.mu.Unlock()
	for _, name := range names {
		event := h.render(name)
		h.mu.Lock()
		if t := h.topics[name]; t != nil && string(t.event) != string(event) {
			t.event = event
			for c := range t.streams {
				select { // a stream that has not sent the last one sends this one instead
				case <-c:
				default:
				}
				c <- event
			}
		}
		h.mu.Unlock()
	}
}

// join opens a stream; false if there are too many. Its first event is sent at
// once. The channel is closed when the hub ends.
func (h *hub) join(name string, most int) (events chan []byte, leave func(), ok bool) {
	event := h.render(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count >= most || h.ended {
		return nil, nil, false
	}
	h.count++
	t := h.topics[name]
	if t == nil {
		t = &topic{event: event, streams: map[chan []byte]bool{}}
		h.topics[name] = t
	}
	c := make(chan []byte, 1)
	c <- t.event
	t.streams[c] = true
	return c, func() { h.leave(name, c) }, true
}

func (h *hub) leave(name string, c chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count--
	if t := h.topics[name]; t != nil {
		if delete(t.streams, c); len(t.streams) == 0 {
			delete(h.topics, name)
		}
	}
}

func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for _, t := range h.topics {
		for c := range t.streams {
			close(c)
		}
		t.streams = map[chan []byte]bool{}
	}
}

// open is how many streams are.
func (h *hub) open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}
