package faultproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Request is one request as it came in.
type Request struct {
	Method string
	Path   string // with the query
	Body   string
	At     time.Time // when it came in
}

// Proxy forwards to one server. Its methods are safe for concurrent use.
type Proxy struct {
	url    string
	target *url.URL
	client *http.Transport
	life   context.Context //nolint:containedctx // of the forwarded requests, which outlive their clients

	mu      sync.Mutex
	rules   []*Handle
	dropped []*Handle // may still have parked a request
	log     []Request
}

// New starts a proxy in front of target, a base URL, on a loopback port of its
// own. It stops with the test.
func New(tb testing.TB, target string) *Proxy {
	tb.Helper()
	to, err := url.Parse(target)
	if err != nil {
		tb.Fatalf("faultproxy: target is no URL")
	}
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("faultproxy: %v", err)
	}
	life, end := context.WithCancel(context.WithoutCancel(tb.Context()))
	p := &Proxy{
		url: "http://" + listener.Addr().String(), target: to, life: life,
		client: &http.Transport{DisableCompression: true},
	}
	server := &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: time.Minute}
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("faultproxy: %v", err)
		}
	})
	tb.Cleanup(func() {
		p.releaseAll()
		end()
		_ = server.Close()
		running.Wait()
		p.client.CloseIdleConnections()
	})
	return p
}

// URL is the base URL of the proxy.
func (p *Proxy) URL() string { return p.url }

// On adds a rule. The first rule that applies to a request decides.
func (p *Proxy) On(rule Rule) *Handle {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := newHandle(rule)
	p.rules = append(p.rules, h)
	return h
}

// Clear removes all rules and lets go what they hold.
func (p *Proxy) Clear() {
	p.releaseAll()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
}

// Drop takes a rule away. A request that it has parked stays parked until
// [Handle.Release].
func (p *Proxy) Drop(h *Handle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = slices.DeleteFunc(p.rules, func(rule *Handle) bool { return rule == h })
	p.dropped = append(p.dropped, h)
}

// Forget drops all but the last keep requests from the log.
func (p *Proxy) Forget(keep int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := len(p.log) - keep; old > 0 {
		p.log = slices.Delete(p.log, 0, old)
	}
}

// Requests returns all requests so far, in the order they came in.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

func (p *Proxy) releaseAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range slices.Concat(p.rules, p.dropped) {
		h.Release()
	}
	p.dropped = nil
}

// serve handles one request. Panicking with ErrAbortHandler is how net/http
// closes a connection without an answer.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	seen := Request{Method: r.Method, Path: r.URL.RequestURI(), Body: string(body), At: time.Now()}
	h := p.decide(seen)
	if h == nil {
		p.answer(w, r, seen)
		return
	}
	defer p.finish(h)
	p.apply(h, w, r, seen)
}

// decide logs the request and returns the rule that applies to it, or nil.
func (p *Proxy) decide(r Request) *Handle {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, r)
	var first *Handle
	for _, h := range p.rules {
		if h.applies(r) && first == nil {
			first = h
		}
	}
	if first != nil {
		closeOnce(first.reached)
	}
	return first
}

func (p *Proxy) finish(h *Handle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	closeOnce(h.answered)
}

func (p *Proxy) apply(h *Handle, w http.ResponseWriter, r *http.Request, seen Request) {
	switch h.rule.Do {
	case Refuse:
		panic(http.ErrAbortHandler)
	case Fail:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Elastic-Product", "Elasticsearch") // go-elasticsearch asks for it
		w.WriteHeader(h.rule.Status)
		_, _ = io.WriteString(w, h.rule.Answer)
		return
	case Lose:
		p.forward(r, seen)
		panic(http.ErrAbortHandler)
	case Duplicate:
		p.forward(r, seen)
	case Hold:
		p.wait(h.released, r.Context().Done())
		if r.Context().Err() != nil {
			panic(http.ErrAbortHandler)
		}
	case Late:
		p.wait(h.released, nil)
	case Delay:
		p.wait(after(h.rule.Wait), nil)
	}
	p.answer(w, r, seen)
}

// wait returns when one of the two is done, or the proxy is.
func (p *Proxy) wait(one, other <-chan struct{}) {
	select {
	case <-one:
	case <-other:
	case <-p.life.Done():
	}
}

func after(d time.Duration) <-chan struct{} {
	done := make(chan struct{})
	time.AfterFunc(d, func() { close(done) })
	return done
}

// answer forwards the request and passes the answer on.
func (p *Proxy) answer(w http.ResponseWriter, r *http.Request, seen Request) {
	proxy := &httputil.ReverseProxy{
		Transport: p.client,
		Rewrite:   func(out *httputil.ProxyRequest) { out.SetURL(p.target) },
		// As if the server had broken the connection.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	proxy.ServeHTTP(w, p.again(r, seen))
}

// forward sends the request and drops the answer.
func (p *Proxy) forward(r *http.Request, seen Request) {
	out := p.again(r, seen)
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	res, err := p.client.RoundTrip(out)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

// again is a copy of the request that lives as long as the proxy.
func (p *Proxy) again(r *http.Request, seen Request) *http.Request {
	out := r.Clone(p.life)
	out.Body = io.NopCloser(strings.NewReader(seen.Body))
	out.ContentLength = int64(len(seen.Body))
	return out
}
