package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/persons"
	"example.com/reindex/internal/es"
)

// servers are what a measurement runs on: an Elasticsearch without security,
// and an empty database. Every index has the prefix in its name. work is a
// folder for files.
type servers struct{ elasticsearch, database, prefix, work string }

// rig is everything that the ways need.
type rig struct {
	servers
	options
	es       esapi.Transport
	esPID    int
	pgPID    int
	body     []byte // of the index
	corpus   *corpus
	reindex  string // paths of the programs, built when a way needs them
	onequery string
}

const inFlight = 4

// newRig fills the database, reads what is right, and warms up.
func newRig(ctx context.Context, o options, s servers, log io.Writer) (*rig, error) {
	r := &rig{servers: s, options: o}
	var err error
	if r.es, err = es.New(es.Config{Addresses: []string{s.elasticsearch}, Connections: 2 * inFlight}); err != nil {
		return nil, err
	}
	if r.body, err = fs.ReadFile(persons.Files(), "persons.index.json"); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "seeding %d persons\n", o.persons)
	if err := r.seed(ctx); err != nil {
		return nil, err
	}
	if err := r.locate(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintln(log, "building the programs")
	if err := r.build(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintln(log, "reading all documents, and comparing them with oracle.sql")
	if r.corpus, err = newCorpus(ctx, r.database); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "%d documents, %d bytes each on average; warming up\n",
		len(r.corpus.prints), r.corpus.bytes/int64(len(r.corpus.prints)))
	return r, r.warmUp(ctx)
}

// seed fills the database, which must be empty.
func (r *rig) seed(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return err
	}
	return errors.Join(persons.Seed(ctx, conn, r.persons), conn.Close(ctx))
}

// locate finds the processes whose time is measured.
func (r *rig) locate(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return err
	}
	var backend int
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend)
	r.pgPID = parentOf(backend)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return err
	}
	var answer struct {
		Nodes map[string]struct{ Process struct{ ID int } }
	}
	if err := es.Do(ctx, r.es, http.MethodGet, "/_nodes/process", nil, &answer); err != nil {
		return err
	}
	for _, node := range answer.Nodes {
		r.esPID = node.Process.ID
	}
	if r.pgPID == 0 || r.esPID == 0 {
		return errors.New("the servers' processes are not to be found: they must run on this machine")
	}
	return nil
}

func (r *rig) build(ctx context.Context) (err error) {
	const module = "example.com/reindex"
	needed := map[string]bool{}
	for _, name := range r.ways {
		w, _ := wayOf(name) // checked by parse
		needed[w.program] = true
	}
	if needed["reindex"] {
		// In its own module, whose versions it is released with.
		root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			return fmt.Errorf("find the module %s: %w", module, err)
		}
		if r.reindex, err = build(ctx, strings.TrimSpace(string(root)), r.work, "reindex", module+"/cmd/reindex"); err != nil {
			return err
		}
		if err := r.configure(); err != nil {
			return err
		}
	}
	if needed["onequery"] {
		r.onequery, err = build(ctx, "", r.work, "onequery", module+"/bench/onequery")
	}
	return err
}

// configure lays the example's files out for reindex run.
func (r *rig) configure() error {
	names := []string{
		"reindex.yaml", "persons.sql", "programme_owners.sql", "post_owners.sql", "programme_memberships.sql", "programmes.sql", "trusts.sql",
		"posts.sql", "persons.index.json",
	}
	for _, name := range names {
		text, err := fs.ReadFile(persons.Files(), name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.work, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// create makes an empty index, with or without refreshes while it is filled.
func (r *rig) create(ctx context.Context, index string, refresh bool) error {
	body := map[string]map[string]any{}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return err
	}
	body["settings"]["number_of_replicas"] = 0
	if !refresh {
		body["settings"]["refresh_interval"] = "-1"
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return es.Do(ctx, r.es, http.MethodPut, "/"+index, text, nil)
}

func (r *rig) refresh(ctx context.Context, index string) error {
	_, err := es.Refresh(ctx, r.es, index)
	return err
}

func (r *rig) remove(ctx context.Context, index string) error {
	return es.Do(ctx, r.es, http.MethodDelete, "/"+index, nil, nil)
}

// warmUp loads documents until the JVM has compiled what loading needs: as the
// ceiling does and as the program does, whose requests ask for more.
func (r *rig) warmUp(ctx context.Context) error {
	fills := []func(context.Context, *rig, string) (outcome, error){replayed}
	if r.reindex != "" {
		fills = append(fills, pipelineWith("--catch-up off"))
	}
	for loaded := 0; loaded < r.warm; {
		for _, fill := range fills {
			o, err := fill(ctx, r, r.prefix+"warm")
			if err != nil {
				return err
			}
			if err := r.remove(ctx, cmp.Or(o.index, r.prefix+"warm")); err != nil {
				return err
			}
			loaded += len(r.corpus.prints)
		}
	}
	return nil
}

// usage is the processor time that the servers have taken so far.
type usage struct{ postgres, elasticsearch time.Duration }

func (r *rig) usage() (u usage, err error) {
	if u.postgres, err = cpuOf(r.pgPID); err != nil {
		return u, err
	}
	u.elasticsearch, err = cpuOf(r.esPID)
	return u, err
}
