package serve

import (
	"embed"
	"net"
	"net/http"
	"strings"
	"time"

	"example.com/reindex/internal/serve/auth"
)

//go:embed static
var static embed.FS

// Limits of a request. An event stream sets its own time for each event.
const (
	maxBody       = 64 << 10
	maxHeader     = 16 << 10
	headerTime    = 5 * time.Second
	requestTime   = 15 * time.Second
	answerTime    = 30 * time.Second
	idleTime      = 60 * time.Second
	heartbeatTime = 20 * time.Second
)

// HTTP is the server's HTTP side, with its limits.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler: s.Handler(), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
	}
}

// Handler answers every request.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	look := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, s.needs(auth.Viewer, h)) }
	act := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, s.needs(auth.Operator, h)) }

	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.Handle("GET /static/", cached(http.FileServerFS(static)))

	look("GET /{$}", s.overviewPage)
	look("GET /i/{index}", s.indexPage)
	look("GET /i/{index}/runs/{run}", s.runPage)
	look("GET /i/{index}/jobs/{job}", s.jobPage)
	look("GET /events", s.events)
	look("GET /metrics", s.metrics.ServeHTTP)
	act("GET /i/{index}/confirm/{action}", s.confirmPage)
	act("POST /i/{index}/{action}", s.actionForm)

	look("GET /api/v1/openapi.json", s.openAPI)
	look("GET /api/v1/indices", s.apiIndices)
	look("GET /api/v1/indices/{index}", s.apiIndex)
	look("GET /api/v1/indices/{index}/runs", s.apiRuns)
	look("GET /api/v1/indices/{index}/runs/{run}", s.apiRun)
	look("GET /api/v1/indices/{index}/jobs", s.apiJobs)
	look("GET /api/v1/indices/{index}/jobs/{job}", s.apiJob)
	look("GET /api/v1/schedule", s.apiSchedule)
	act("POST /api/v1/indices/{index}/runs", s.apiAction)
	act("POST /api/v1/indices/{index}/{action}", s.apiAction)
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		s.fail(w, req, http.StatusNotFound, "There is no such page.")
	})

	guarded := http.NewCrossOriginProtection()
	guarded.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.fail(w, req, http.StatusForbidden, "This request came from another site and was refused.")
	}))
	return headers(s.ownHost(limitBody(guarded.Handler(mux))))
}

// headers are on every answer.
func headers(next http.Handler) http.Handler {
	const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if req.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, req)
	})
}

// ownHost refuses a name that is not this machine's while nobody has to log in:
// a page of another site could make its own name point here, and be of our own
// origin then.
func (s *Server) ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if s.Gate.Open && !isLoopbackName(req.Host) {
			text(w, http.StatusMisdirectedRequest, "This server has no users and answers only to localhost, 127.0.0.1 and [::1]; see serve.users_file.\n")
			return
		}
		next.ServeHTTP(w, req)
	})
}

func isLoopbackName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(w, req.Body, maxBody)
		next.ServeHTTP(w, req)
	})
}

func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
		next.ServeHTTP(w, req)
	})
}

// needs lets those through who may do what the handler does.
func (s *Server) needs(role auth.Role, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		person := s.Gate.Person(req)
		switch {
		case person.Role.May(role):
			next(w, req.WithContext(withPerson(req.Context(), person)))
		case person.Known():
			s.fail(w, req, http.StatusForbidden, person.Name+" may look, and not act: the role operator is needed.")
		case isAPI(req) || req.Method != http.MethodGet || s.Gate.Users == nil:
			w.Header().Set("WWW-Authenticate", `Bearer realm="reindex"`)
			s.fail(w, req, http.StatusUnauthorized, "It is not known who asks. Log in, or send Authorization: Bearer and a token.")
		default:
			http.Redirect(w, req, "/login?to="+escapePath(req.URL.RequestURI()), http.StatusSeeOther) //nolint:gosec // G710: always to /login; where that leads on is checked by ownPath
		}
	})
}

func isAPI(req *http.Request) bool {
	p := req.URL.Path
	return strings.HasPrefix(p, "/api/") || p == "/metrics" || p == "/events"
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // who asked has gone
}

// ready says whether a page would show something that is true: each index was
// seen, and not too long ago. Runs need no server that is ready.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	for _, x := range s.order {
		v := x.watcher.View()
		if !v.Known() || time.Since(v.At) > time.Minute {
			text(w, http.StatusServiceUnavailable, x.Name+": Elasticsearch was not reached within the last minute\n")
			return
		}
	}
	text(w, http.StatusOK, "ok\n")
}
