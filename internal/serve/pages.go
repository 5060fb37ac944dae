package serve

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/reindex/internal/history"
	"example.com/reindex/internal/serve/auth"
	"example.com/reindex/internal/serve/jobs"
)

//go:embed templates
var templates embed.FS

// pages are the templates.
type pages struct{ all *template.Template }

func parsePages() (pages, error) {
	all, err := template.New("").Funcs(template.FuncMap{
		"number": number, "size": size, "duration": duration, "moment": moment, "millis": millis, "firstLine": firstLine,
		"rate":  func(r float64) string { return number(int64(r)) + "/s" },
		"ms":    func(f float64) string { return duration(time.Duration(f * float64(time.Millisecond))) },
		"clock": clock, "dash": orDash, "join": strings.Join,
		"list": func(raw json.RawMessage) string { return summaryText(raw) },
		"local": func(t time.Time, zone string) string {
			if loc, err := time.LoadLocation(zone); err == nil {
				t = t.In(loc)
			}
			return t.Format("Mon 2 Jan 15:04 MST")
		},
	}).ParseFS(templates, "templates/*.html")
	if err != nil {
		return pages{}, fmt.Errorf("templates: %w", err)
	}
	return pages{all: all}, nil
}

func (p pages) fragment(w io.Writer, name string, data any) error {
	return p.all.ExecuteTemplate(w, name, data)
}

// page is what the frame around every page shows.
type page struct {
	Title  string
	Person auth.Person
	Host   string
	Login  bool   // there are users, so one can log out
	Topic  string // of the events that keep the page up to date; empty: none
	Body   any
	May    bool // act
}

type personKey struct{}

func withPerson(ctx context.Context, p auth.Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

func personOf(ctx context.Context) auth.Person {
	p, _ := ctx.Value(personKey{}).(auth.Person) // the zero value may do nothing
	return p
}

// show writes a page. It is made whole before the first byte is sent.
func (s *Server) show(w http.ResponseWriter, req *http.Request, status int, name string, p page) {
	p.Person, p.Host, p.Login = personOf(req.Context()), s.Host, s.Gate.Users != nil
	p.May = p.Person.Role.May(auth.Operator)
	var html bytes.Buffer
	if err := s.pages.all.ExecuteTemplate(&html, name, p); err != nil {
		s.Log.ErrorContext(req.Context(), "page not shown", slog.String("page", name), slog.Any("error", err))
		text(w, http.StatusInternalServerError, "This page cannot be shown; the log of the server says why.\n")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = html.WriteTo(w) // who asked has gone
}

// fail says what is wrong, as the asker reads it.
func (s *Server) fail(w http.ResponseWriter, req *http.Request, status int, problem string) {
	if isAPI(req) {
		writeJSON(w, status, map[string]any{"error": problem})
		return
	}
	s.show(w, req, status, "error.html", page{Title: http.StatusText(status), Body: problem})
}

// failed is fail for an error.
func (s *Server) failed(w http.ResponseWriter, req *http.Request, err error) {
	if known, ok := errors.AsType[*requestError](err); ok {
		s.fail(w, req, known.status, known.text)
		return
	}
	s.fail(w, req, http.StatusServiceUnavailable, s.Shown(err))
}

func (s *Server) overviewPage(w http.ResponseWriter, req *http.Request) {
	s.show(w, req, http.StatusOK, "overview.html", page{Title: "Indices", Topic: "overview", Body: s.overview()})
}

// index finds the index of a request, or answers that there is none.
func (s *Server) index(w http.ResponseWriter, req *http.Request) *served {
	x := s.byName[req.PathValue("index")]
	if x == nil {
		s.fail(w, req, http.StatusNotFound, "There is no such index in the configuration of this server.")
	}
	return x
}

// historyView is a part of the history.
type historyView struct {
	Runs          []history.Record
	Outcome       string
	Outcomes      []string
	Page          int
	Newer, Older  string // URLs; empty: none
	Total         int
	Index         string
	Cut           bool // there may be more than are read
	OutcomeCounts map[string]int
}

const perPage = 20

// historyOf filters and cuts the history.
func historyOf(runs []history.Record, index string, query url.Values) historyView {
	h := historyView{Outcome: query.Get("outcome"), Index: index, OutcomeCounts: map[string]int{}, Cut: len(runs) >= 400}
	var kept []history.Record
	for _, r := range runs {
		h.OutcomeCounts[r.Outcome]++
		if h.Outcome == "" || h.Outcome == r.Outcome {
			kept = append(kept, r)
		}
	}
	for outcome := range h.OutcomeCounts {
		h.Outcomes = append(h.Outcomes, outcome)
	}
	slices.Sort(h.Outcomes)
	h.Total = len(kept)
	h.Page, _ = strconv.Atoi(query.Get("page")) // what is no number is the first page
	h.Page = min(max(h.Page, 1), max(1, (len(kept)+perPage-1)/perPage))
	from := (h.Page - 1) * perPage
	h.Runs = kept[min(from, len(kept)):min(from+perPage, len(kept))]
	link := func(page int) string {
		return "?" + url.Values{"outcome": {h.Outcome}, "page": {strconv.Itoa(page)}}.Encode() + "#history"
	}
	if h.Page > 1 {
		h.Newer = link(h.Page - 1)
	}
	if from+perPage < len(kept) {
		h.Older = link(h.Page + 1)
	}
	return h
}

func (s *Server) indexPage(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	v := s.indexView(x)
	s.show(w, req, http.StatusOK, "index.html", page{Title: x.Name, Topic: "i/" + x.Name, Body: map[string]any{
		"Index": v, "History": historyOf(v.Runs, x.Name, req.URL.Query()), "Actions": s.actions(), "Promote": s.Promote, "Options": runOptions(),
	}})
}

// readTime bounds what a page asks Elasticsearch for itself.
const readTime = 10 * time.Second

func (s *Server) readRun(req *http.Request, x *served) (history.Record, error) {
	id := req.PathValue("run")
	notFound := &requestError{status: 404, text: "This run is not in the history (any more)."}
	if len(id) > 32 || strings.ContainsFunc(id, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		return history.Record{}, notFound
	}
	ctx, cancel := context.WithTimeout(req.Context(), readTime)
	defer cancel()
	r, found, err := x.Reader.Run(ctx, id)
	if err != nil {
		return r, err
	}
	if !found {
		return r, notFound
	}
	r.Outcome = history.Judge(r, x.watcher.View().Status.Record, time.Now())
	return r, nil
}

func (s *Server) runPage(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	r, err := s.readRun(req, x)
	if err != nil {
		s.failed(w, req, err)
		return
	}
	body := map[string]any{"Index": x.Name, "Run": r, "Timeline": timelineOf(r), "Throughput": template.HTML("")}
	if r.Detail != nil {
		body["Throughput"] = throughput(r.Detail.Samples)
	}
	s.show(w, req, http.StatusOK, "run.html", page{Title: "Run " + r.RunID, Body: body})
}

func timelineOf(r history.Record) []step { return timeline(r, time.Now()) }

func (s *Server) job(number string, x *served) (jobs.Job, error) {
	id, _ := strconv.Atoi(number) // no job is 0
	for _, j := range s.Runner.Jobs(x.Name) {
		if j.ID == id {
			return j, nil
		}
	}
	return jobs.Job{}, &requestError{status: 404, text: "This server does not know this job; it may have restarted. What runs did is in the history."}
}

func (s *Server) jobPage(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	j, err := s.job(req.PathValue("job"), x)
	if err != nil {
		s.failed(w, req, err)
		return
	}
	s.show(w, req, http.StatusOK, "job.html", page{Title: j.Name + " of " + x.Name, Topic: fmt.Sprintf("j/%d/%s", j.ID, x.Name), Body: map[string]any{"Index": x.Name, "Job": j}})
}

func (s *Server) confirmPage(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	a, ok := s.actionNamed(req.PathValue("action"))
	if !ok || !a.Asks {
		s.fail(w, req, http.StatusNotFound, "There is no such action.")
		return
	}
	what, hidden, err := s.consequence(x, a.Name, req.URL.Query().Get("to"))
	if err != nil {
		s.failed(w, req, err)
		return
	}
	s.show(w, req, http.StatusOK, "confirm.html", page{Title: a.Label + ": " + x.Name, Body: map[string]any{
		"Index": x.Name, "Action": a, "What": what, "Hidden": hidden,
	}})
}

func (s *Server) actionForm(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	a, ok := s.actionNamed(req.PathValue("action"))
	if !ok {
		s.fail(w, req, http.StatusNotFound, "There is no such action.")
		return
	}
	if err := req.ParseForm(); err != nil {
		s.fail(w, req, http.StatusBadRequest, "The form cannot be read.")
		return
	}
	if a.Asks && req.PostForm.Get("confirmed") != "yes" {
		s.fail(w, req, http.StatusBadRequest, "This action asks first: use the page that says what it will do.")
		return
	}
	person := personOf(req.Context())
	result, err := s.act(req.Context(), x, a.Name, person.Name, req.PostForm)
	s.logAction(req, x, a.Name, person, err)
	switch {
	case err != nil:
		s.failed(w, req, err)
	case result.Job != nil && a.Name != "run":
		http.Redirect(w, req, fmt.Sprintf("/i/%s/jobs/%d", url.PathEscape(x.Name), result.Job.ID), http.StatusSeeOther)
	case result.Job != nil:
		http.Redirect(w, req, "/i/"+url.PathEscape(x.Name), http.StatusSeeOther)
	default:
		s.show(w, req, http.StatusOK, "done.html", page{Title: a.Label, Body: map[string]any{"Index": x.Name, "Text": result.Text}})
	}
}

// logAction writes down who did what.
func (s *Server) logAction(req *http.Request, x *served, name string, person auth.Person, err error) {
	attrs := []slog.Attr{slog.String("index", x.Name), slog.String("action", name), slog.String("by", person.Name)}
	if err != nil {
		attrs = append(attrs, slog.String("refused", s.Shown(err)))
	}
	s.Log.LogAttrs(req.Context(), slog.LevelInfo, "action", attrs...)
}

func (s *Server) loginPage(w http.ResponseWriter, req *http.Request) {
	if s.Gate.Users == nil {
		http.Redirect(w, req, "/", http.StatusSeeOther)
		return
	}
	s.show(w, req, http.StatusOK, "login.html", page{Title: "Log in", Body: map[string]string{"To": ownPath(req.URL.Query().Get("to"))}})
}

// ownPath is a path of this server; anything else is the first page, so that
// nobody is sent to another site after a login.
func ownPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return "/"
	}
	return to
}

func (s *Server) login(w http.ResponseWriter, req *http.Request) {
	if err := req.ParseForm(); err != nil {
		s.fail(w, req, http.StatusBadRequest, "The form cannot be read.")
		return
	}
	to := ownPath(req.PostForm.Get("to"))
	name := req.PostForm.Get("name")
	err := s.Gate.Login(w, req, name, req.PostForm.Get("password"))
	switch {
	case errors.Is(err, auth.ErrSlow):
		w.Header().Set("Retry-After", "300")
		s.show(w, req, http.StatusTooManyRequests, "login.html", page{Title: "Log in", Body: map[string]string{"To": to, "Problem": "Too many wrong passwords; wait five minutes."}})
	case err != nil:
		s.Log.WarnContext(req.Context(), "login refused", slog.String("from", req.RemoteAddr))
		s.show(w, req, http.StatusUnauthorized, "login.html", page{Title: "Log in", Body: map[string]string{"To": to, "Problem": "The name or the password is wrong."}})
	default:
		http.Redirect(w, req, to, http.StatusSeeOther) //nolint:gosec // G710: ownPath lets no other site through
	}
}

func (s *Server) logout(w http.ResponseWriter, req *http.Request) {
	s.Gate.Logout(w, req)
	http.Redirect(w, req, "/", http.StatusSeeOther)
}

// summaryText is a summary as "key: value" lines, without what is empty.
func summaryText(raw json.RawMessage) string {
	var m map[string]any
	if json.Unmarshal(raw, &m) != nil {
		return ""
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var lines strings.Builder
	for _, k := range keys {
		switch value := m[k].(type) {
		case nil:
		case string:
			if value != "" && k != "message_type" {
				fmt.Fprintf(&lines, "%s: %s\n", k, value)
			}
		default:
			if b, err := json.Marshal(value); err == nil && string(b) != "0" && string(b) != "[]" && string(b) != "{}" {
				fmt.Fprintf(&lines, "%s: %s\n", k, b)
			}
		}
	}
	return lines.String()
}
