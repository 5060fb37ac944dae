package serve

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"example.com/reindex/internal/history"
	"example.com/reindex/internal/serve/board"
	"example.com/reindex/internal/serve/jobs"
)

//go:embed openapi.json
var openAPI embed.FS

func (s *Server) openAPI(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	http.ServeFileFS(w, req, openAPI, "openapi.json")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a type that cannot be JSON: a test would find it
		http.Error(w, `{"error":"the answer cannot be written"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who asked has gone
}

// apiIndexView is one index as JSON: the keys of `status --json` where there
// are such.
func apiIndexView(v indexView) map[string]any {
	m := map[string]any{
		"name": v.Name, "alias": v.Alias, "verdicts": v.Verdicts, "seen_at": timeOrNil(v.At),
		"problem": stringOrNil(v.Problem), "problem_since": nil, "live": nil, "lock": nil,
		"generations": []any{}, "last_run": v.Last, "current_run": v.Current, "servers": v.Servers,
		"results": v.Board.Results,
		"source":  map[string]any{"answered_at": timeOrNil(v.Source.At), "problem": stringOrNil(v.Source.Problem)},
	}
	if v.Problem != "" {
		m["problem_since"] = timeOrNil(v.Since)
	}
	if !v.Known() {
		return m // nothing is known, and nothing must look as if it were
	}
	generations := make([]map[string]any, 0, len(v.Generation))
	for _, g := range v.Generation {
		generations = append(generations, map[string]any{
			"index": g.Index, "token": g.Token, "state": g.State, "documents": g.Documents, "bytes": g.Bytes,
			"created_at": timeOrNil(g.CreatedAt), "run_id": g.Meta.RunID, "snapshot_at": stringOrNil(g.Meta.SnapshotAt),
		})
	}
	m["generations"] = generations
	if v.Live != nil {
		m["live"] = map[string]any{
			"index": v.Status.Live, "documents": v.Status.LiveDocuments, "token": v.Status.LiveToken,
			"swapped_at": timeOrNil(v.Status.SwappedAt), "created_at": timeOrNil(v.Live.CreatedAt), "bytes": v.Live.Bytes,
		}
	}
	r := v.Status.Record
	lock := map[string]any{"state": "free", "token": r.Token}
	if v.Lock.Held {
		lock = map[string]any{
			"state": r.State, "token": r.Token, "holder": r.Holder, "since": timeOrNil(r.Since), "renewed_at": timeOrNil(r.RenewedAt),
			"heard_at": timeOrNil(v.Lock.Heard), "silent": v.Lock.Dead, "phase": r.Phase, "documents": r.Documents, "total": r.Total,
			"docs_per_second": int64(v.Lock.Rate), "left_ms": v.Lock.Left.Milliseconds(),
		}
	}
	m["lock"] = lock
	return m
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func stringOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (s *Server) apiIndices(w http.ResponseWriter, _ *http.Request) {
	all := make([]map[string]any, 0, len(s.order))
	for _, x := range s.order {
		all = append(all, apiIndexView(s.indexView(x)))
	}
	writeJSON(w, http.StatusOK, map[string]any{"host": s.Host, "version": s.Version, "now": timeOrNil(time.Now()), "indices": all})
}

func (s *Server) apiIndex(w http.ResponseWriter, req *http.Request) {
	if x := s.index(w, req); x != nil {
		writeJSON(w, http.StatusOK, apiIndexView(s.indexView(x)))
	}
}

func (s *Server) apiRuns(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	v := x.watcher.View()
	if !v.Known() { // an empty list would say that there was no run
		s.fail(w, req, http.StatusServiceUnavailable, "Elasticsearch was not reached yet: "+v.Problem)
		return
	}
	h := historyOf(v.Runs, x.Name, req.URL.Query())
	runs := h.Runs
	if runs == nil {
		runs = []history.Record{}
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"seen_at": timeOrNil(v.At), "problem": stringOrNil(v.Problem), "total": h.Total, "page": h.Page, "per_page": perPage, "runs": runs,
	})
}

func (s *Server) apiRun(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	r, err := s.readRun(req, x)
	if err != nil {
		s.failed(w, req, err)
		return
	}
	writeJSON(w, http.StatusOK, r)
}

// apiJobView is a child process as JSON.
func apiJobView(j jobs.Job) map[string]any {
	m := map[string]any{
		"id": j.ID, "index": j.Index, "command": j.Name, "by": j.By, "pid": j.PID, "started": timeOrNil(j.Started),
		"ended": timeOrNil(j.Ended), "exit_status": nil, "signal": stringOrNil(j.Signal), "stopped_by": stringOrNil(j.Stopped),
		"summary": j.Summary, "lines": j.Lines,
	}
	if !j.Running() {
		m["exit_status"] = j.Exit
	}
	if j.Lines == nil {
		m["lines"] = []string{}
	}
	return m
}

func (s *Server) apiJobs(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	all := []map[string]any{}
	for _, j := range s.Runner.Jobs(x.Name) {
		all = append(all, apiJobView(j))
	}
	writeJSON(w, http.StatusOK, map[string]any{"host": s.Host, "jobs": all})
}

func (s *Server) apiJob(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	j, err := s.job(req.PathValue("job"), x)
	if err != nil {
		s.failed(w, req, err)
		return
	}
	writeJSON(w, http.StatusOK, apiJobView(j))
}

// apiSchedule has the next times on each server.
func (s *Server) apiSchedule(w http.ResponseWriter, _ *http.Request) {
	all := []map[string]any{}
	for _, x := range s.order {
		v := x.watcher.View()
		servers := v.Board.Servers
		if servers == nil {
			servers = []board.Server{}
		}
		all = append(all, map[string]any{
			"index": x.Name, "here": s.self(x, time.Time{}).Next, "seen_at": timeOrNil(v.At), "problem": stringOrNil(v.Problem), "servers": servers,
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"host": s.Host, "indices": all})
}

// apiAction starts what a button would. The body is a JSON object of strings,
// numbers and booleans by the names of the options, or nothing.
func (s *Server) apiAction(w http.ResponseWriter, req *http.Request) {
	x := s.index(w, req)
	if x == nil {
		return
	}
	name := req.PathValue("action")
	if name == "" {
		name = "run"
	}
	if _, ok := s.actionNamed(name); !ok {
		s.fail(w, req, http.StatusNotFound, "There is no such action.")
		return
	}
	form, err := readOptions(req)
	if err != nil {
		s.failed(w, req, err)
		return
	}
	person := personOf(req.Context())
	result, err := s.act(req.Context(), x, name, person.Name, form)
	s.logAction(req, x, name, person, err)
	switch {
	case err != nil:
		s.failed(w, req, err)
	case result.Job != nil:
		at := fmt.Sprintf("/api/v1/indices/%s/jobs/%d", url.PathEscape(x.Name), result.Job.ID)
		w.Header().Set("Location", at)
		writeJSON(w, http.StatusAccepted, map[string]any{"job": apiJobView(*result.Job), "url": at})
	default:
		writeJSON(w, http.StatusAccepted, map[string]any{"done": result.Text})
	}
}

func readOptions(req *http.Request) (url.Values, error) {
	form := url.Values{}
	if req.ContentLength == 0 {
		return form, nil
	}
	var body map[string]any
	decoder := json.NewDecoder(req.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil {
		return nil, badRequest("The body is not a JSON object of at most 64 KiB.")
	}
	known := map[string]bool{"to": true, "token": true, "run": true, "expect_live": true}
	for _, f := range runOptions() {
		known[f.Name] = true
	}
	for name, value := range body {
		if !known[name] {
			return nil, badRequest("%q is not an option.", name)
		}
		switch v := value.(type) {
		case string:
			form.Set(name, v)
		case json.Number:
			form.Set(name, v.String())
		case bool:
			form.Set(name, strconv.FormatBool(v))
		default:
			return nil, badRequest("%q is not a text, a number, true or false.", name)
		}
	}
	return form, nil
}
