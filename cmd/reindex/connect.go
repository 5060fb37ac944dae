package main

import (
	"context"
	"os"
	"os/user"
	"strings"
	"sync"
	"unicode"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/source"
)

// clients are what a command reaches Elasticsearch through. Each is made when it is
// first asked for, once, and has connections of its own.
type clients struct {
	// control is for the lock, the alias and the checks, so that renewals never
	// queue behind documents.
	control func() (esapi.Transport, error)
	// bulk is for documents.
	bulk func() (esapi.Transport, error)
	// history is for records, which must not hold up a renewal.
	history func() (esapi.Transport, error)
}

func newClients(c *config.Config) clients {
	once := func(cfg es.Config) func() (esapi.Transport, error) {
		return sync.OnceValues(func() (esapi.Transport, error) { return es.New(cfg) })
	}
	bulk := clientConfig(c.Elasticsearch, max(c.Load.Workers, 8))
	bulk.Compress = c.Load.Compression == config.CompressionGzip
	return clients{
		control: once(clientConfig(c.Elasticsearch, 2)), bulk: once(bulk), history: once(clientConfig(c.Elasticsearch, 1)),
	}
}

// elasticsearch returns a client for a command that needs one.
func elasticsearch(c config.Elasticsearch, connections int) (esapi.Transport, error) {
	return es.New(clientConfig(c, connections))
}

func clientConfig(c config.Elasticsearch, connections int) es.Config {
	return es.Config{
		Addresses:   c.URLs,
		APIKey:      c.APIKey.Reveal(),
		Username:    c.Username,
		Password:    c.Password.Reveal(),
		CACert:      []byte(c.CACert.Text),
		ClientCert:  []byte(c.ClientCert.Text),
		ClientKey:   []byte(c.ClientKey.Text),
		Fingerprint: c.Fingerprint,
		Connections: connections,
	}
}

// aliasOf returns the client of the alias.
func (a *app) aliasOf(c *config.Config, reach clients) (*esalias.Client, error) {
	transport, err := reach.control()
	if err != nil {
		return nil, err
	}
	return esalias.New(transport, c.Alias, esalias.Options{Lease: c.Lock.Lease, Log: a.logger()})
}

// openSource connects to the database; byteOrder is that of [source.Config].
func openSource(ctx context.Context, c config.Source, byteOrder bool) (*source.Source, error) {
	lists := make([]source.List, 0, len(c.Lists))
	for _, l := range c.Lists {
		lists = append(lists, source.List{
			Field: l.Field, Query: query(l.File), Distinct: l.Distinct, Unpivot: l.Unpivot, Values: l.Values, Omit: l.Omit, Lookups: lookups(l.Lookups),
		})
	}
	objects := make([]source.Object, 0, len(c.Objects))
	for _, o := range c.Objects {
		objects = append(objects, source.Object{Field: o.Field, Query: query(o.File), Omit: o.Omit, Lookups: lookups(o.Lookups)})
	}
	return source.Open(ctx, source.Config{
		URL: c.URL.Reveal(), ID: c.ID, IDColumns: c.IDColumns, IDSeparator: c.IDSeparator, Version: c.Version, ByteOrder: byteOrder, Lists: lists, GiveWay: c.GiveWay,
		ApplyPolicies: c.RowSecurity == config.RowSecurityApply,
		Document:      query(c.Document.File), Objects: objects, Lookups: lookups(c.Document.Lookups), Coalesce: c.Document.Coalesce, Omit: c.Document.Omit,
	})
}

func query(f config.File) source.Query { return source.Query{Name: f.Path, SQL: f.Text} }

func lookups(configured []config.Lookup) []source.Lookup {
	var list []source.Lookup
	for _, l := range configured {
		list = append(list, source.Lookup{Query: query(l.File), By: l.By, As: l.As})
	}
	return list
}

// holder says who this process is.
func holder(trigger string) esalias.Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	h := esalias.Holder{
		Host: host, PID: os.Getpid(), RunID: esalias.NewRunID(), Trigger: trigger, Version: version().Version,
	}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	if actor := printable(os.Getenv(actorVariable)); actor != "" { // `reindex serve` starts it for a person
		h.User = actor
	}
	return h
}

// printable is text that may stand in a line of a log.
func printable(text string) string {
	const longest = 128
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest])
	}
	return text
}
