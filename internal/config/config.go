package config

import (
	"encoding/json"
	"net/netip"
	"time"
)

// Config is everything one run needs to know: the settings of one index. It
// comes from [Load], which has checked every value; the comments name the key in
// the file, the default and the limits.
type Config struct {
	// Path is the file the configuration came from.
	Path string
	// Name is what commands call the index: its key under indices or, in a file
	// of one index, the alias.
	Name string
	// Alias (alias) is the name that readers search. Required; at most 180
	// bytes, lower case, and no name that the program needs for its own indices
	// and aliases: lock-<x>, <x>-<digits>.
	Alias         string
	Elasticsearch Elasticsearch
	Source        Source
	Index         Index
	Load          Loading
	Gates         Gates
	Lock          Lock
	// CatchUp (catch_up) says whether rows that changed during the load are
	// sent again before the swap. Defaults to until-quiet.
	CatchUp  CatchUp
	History  History
	Notify   Notify
	Metrics  Metrics
	Schedule Schedule
}

// Schedule (schedule) says when `reindex serve` runs an index. It is written as
// `schedule: "29 1 * * *"` or `schedule: { cron: "29 1 * * *", jitter: 1m, if_older_than: 20h }`.
type Schedule struct {
	// Cron (cron) has minute, hour, day, month and weekday, or is @daily and the
	// like. Empty (the default): never.
	Cron string
	// TimeZone (time_zone) defaults to serve.time_zone; nil: not given.
	TimeZone *time.Location
	// Jitter (jitter) is the most that is added to each time, at random.
	// Defaults to 0s; at most 6h.
	Jitter time.Duration
	// IfOlderThan (if_older_than) skips a run if the live index is younger; a
	// server that starts, and finds an older one, makes up for the missed time.
	// Defaults to 0s: neither.
	IfOlderThan time.Duration
	// OnStart (on_start) starts a run when the server starts. Defaults to false.
	OnStart bool
}

// Serve (serve) is for `reindex serve`; it stands once, whatever the number of
// indices.
type Serve struct {
	// Listen (listen) is the address of its HTTP server, host:port. Defaults to
	// 127.0.0.1:8080; an address that other machines reach needs UsersFile or
	// ProxyNetworks.
	Listen string
	// TimeZone (time_zone) is the one of the schedules, such as Europe/London.
	// Defaults to UTC.
	TimeZone *time.Location
	// UsersFile (users_file) has a line name:role:hash for each user and token.
	// Empty (the default): nobody logs in here.
	UsersFile string
	// ProxyNetworks (proxy_networks) are where a reverse proxy that has
	// authenticated people connects from, such as 10.0.0.5/32. Empty (the
	// default): no header is trusted.
	ProxyNetworks []netip.Prefix
	// ProxyHeader (proxy_header) has the name of the person. Defaults to
	// X-Forwarded-User.
	ProxyHeader string
	// ProxyOperators (proxy_operators) are the names that may act.
	ProxyOperators []string
	// TLSCert and TLSKey (tls_cert, tls_key) are PEM files; both or none.
	TLSCert, TLSKey File
	// OnStop (on_stop) says what becomes of a run when the server is stopped.
	// Defaults to stop.
	OnStop OnStop
	// StopTimeout (stop_timeout) is how long a run may go on then. Defaults to
	// 25s; at most 24h.
	StopTimeout time.Duration
}

// OnStop is what becomes of a run when the server that started it is stopped.
type OnStop string

// The values of serve.on_stop.
const (
	OnStopStop   OnStop = "stop"   // it gets SIGTERM at once, and stop_timeout to end
	OnStopFinish OnStop = "finish" // it has stop_timeout to finish, and gets SIGTERM then
)

// Elasticsearch (elasticsearch) says where the cluster is and who asks.
type Elasticsearch struct {
	// URLs (url) are the nodes, http or https; one value, a list, or several in
	// one value with commas between. Required. A user and password in a URL are
	// moved to Username and Password, so the URLs hold no secret.
	URLs []string
	// APIKey (api_key) is the encoded form, base64 of id:key. Excludes Username.
	APIKey Secret
	// Username (username) and Password (password) go together.
	Username string
	Password Secret
	// CACert (ca_cert) is a PEM file that takes the place of the system's roots.
	CACert File
	// ClientCert (client_cert) and ClientKey (client_key) are PEM files; both or
	// none.
	ClientCert, ClientKey File
	// Fingerprint (fingerprint) is the SHA-256 of a certificate of the server's
	// chain in 64 lower-case hex digits (colons and upper case are accepted).
	// Excludes CACert.
	Fingerprint string
}

// Source (source) says where the documents come from.
type Source struct {
	// URL (url) is a postgres:// URL or a keyword/value string. Empty when none
	// is given anywhere: then the PG* variables count.
	URL SecretURL
	// ID (id, or id.name) is the column that becomes _id, in the document query and in
	// every list query. Required. With IDColumns it is a field that the program makes.
	ID string
	// IDColumns (id.columns) are two columns or more, of every query, that make up the id.
	// Empty: ID is a column.
	IDColumns []string
	// IDSeparator (id.separator) stands between them. Defaults to ":" with IDColumns.
	IDSeparator string
	// Document (document) is the query with one row per document. Required. The
	// variable takes the place of its file alone.
	Document Query
	// Objects (objects) are the queries with at most one row per document, in the
	// order of the file. May be empty.
	Objects []Object
	// Lists (lists) are the queries with many rows per document, in the order of
	// the file. May be empty.
	Lists []List
	// Version (version) is a column of the document query that only grows with
	// each change of the document. Empty: none.
	Version string
	// RowSecurity (row_security) says what to do where a policy of row-level security would leave rows out.
	// Defaults to refuse.
	RowSecurity RowSecurity
	// GiveWay (give_way) is how long another session may wait for a lock that a run has
	// on a table before the run lets go and goes on with a new snapshot. Defaults to 5s.
	GiveWay time.Duration
}

// RowSecurity says what to do about row-level security.
type RowSecurity string

// The ways to treat row-level security.
const (
	// RowSecurityRefuse refuses a query that a policy would filter, because the index would look complete.
	RowSecurityRefuse RowSecurity = "refuse"
	// RowSecurityApply builds an index of what the role may see, as that of one tenant.
	RowSecurityApply RowSecurity = "apply"
)

// Query is SQL and what the program makes of its rows, written as
// `persons.sql`, as a block of text (the SQL itself), or with options as
// `{ query: persons.sql, lookups: posts.sql }`.
type Query struct {
	File
	// Lookups (lookups) are queries of small tables that the program reads once and
	// joins itself. May be empty.
	Lookups []Lookup
	// Coalesce (coalesce; of the document) are columns that several Lookups add; the
	// first that is not NULL counts, in the order of Lookups. May be empty.
	Coalesce []string
	// Omit (omit) are columns of File that are no fields. May be empty.
	Omit []string
}

// Lookup is the query of a small table, written as `posts.sql` or as
// `{ query: posts.sql, by: [country, region], as: post }`.
type Lookup struct {
	File
	// By (by) are the columns that find its row. Defaults to the one column that it
	// shares with the query.
	By []string
	// As (as) is the object that its columns make up. Defaults to "": they are
	// fields like the others.
	As string
}

// Object is one object inside the document.
type Object struct {
	// Field is its name in the document.
	Field string
	// Query has at most one row per document.
	Query
}

// List is one array inside the document.
type List struct {
	// Field is the name of the array in the document.
	Field string
	// Query has one row per element.
	Query
	// Distinct (distinct) drops equal elements within one document. Defaults to false.
	Distinct bool
	// Unpivot (unpivot) is the name of the one field of the elements; each column
	// besides the id makes an element, NULL none. Defaults to "": a row is an element.
	Unpivot string
	// Values (values) makes the values of the columns besides the id the elements, in
	// place of objects. Defaults to false.
	Values bool
}

// Index (index) describes the index of each run.
type Index struct {
	// Body (body) is the content of the file at BodyPath: a JSON object with
	// settings and mappings as the create-index API takes them, and nothing
	// else. Required: without mappings Elasticsearch would guess the types.
	Body     json.RawMessage
	BodyPath string
	// Keep (keep) is how many previous generations stay for a rollback.
	// Defaults to 1; 0 to 100.
	Keep int
}

// Loading (load) is how documents are sent.
type Loading struct {
	// Workers (workers) is the number of bulk requests in flight at most; auto (the default) is 0 here
	// and leaves it to the program. 1 to 64.
	Workers int
	// BatchBytes (batch_bytes) is the largest bulk request. Defaults to 4MiB;
	// 64KiB to 90MiB, because Elasticsearch refuses bodies above 100 MB unless
	// told otherwise (http.max_content_length).
	BatchBytes int64
	// MaxFailures (max_failures) is how many documents Elasticsearch may reject
	// before the run fails. Defaults to 0.
	MaxFailures int64
	// FailuresFile (failures_file) gets one JSON line per rejected document.
	// Empty (the default): no such file.
	FailuresFile string
	// RetryFor (retry_for) is how long one batch is sent again, while
	// Elasticsearch is busy or away, without any of its documents getting
	// through. Defaults to 1m; 1s to 24h.
	RetryFor time.Duration
	// Compression (compression) of bulk requests. Defaults to none.
	Compression Compression
}

// Gates (gates) are what a finished index must pass before it goes live.
type Gates struct {
	// MaxShrink (max_shrink) is the largest part of the live documents that may
	// be missing from the new index. Defaults to 10% (0.10); 0% to 100%; 100% or
	// off is 1 and switches the gate off.
	MaxShrink float64
	// MinDocuments (min_documents) is the least number of documents. Defaults to
	// 1; 0 lets an empty index go live.
	MinDocuments int64
	// MaxOrphans (max_orphans) is how many rows of lists may belong to no document.
	// Defaults to off, which is nil: they are reported and refuse nothing.
	MaxOrphans *int64
}

// Lock (lock) is what keeps two runs apart.
type Lock struct {
	// Lease (lease) is how long a crashed run blocks the next. Defaults to 30s;
	// 2s to 10m.
	Lease time.Duration
}

// Compression is how the documents travel to Elasticsearch.
type Compression string

// The values of load.compression.
const (
	CompressionNone Compression = "none"
	CompressionGzip Compression = "gzip" // an eighth of the bytes, for some processor time on both sides
)

// CatchUp says what happens to rows that changed while the index was loaded.
type CatchUp string

// The values of catch_up.
const (
	CatchUpOff        CatchUp = "off"         // the index is as old as the run's snapshot
	CatchUpOnce       CatchUp = "once"        // one more pass over what changed
	CatchUpUntilQuiet CatchUp = "until-quiet" // passes until one finds next to nothing
)

// History (history) is the record of past runs.
type History struct {
	// Keep (keep) is how many records are kept. Defaults to 400, a year of
	// nightly runs and some by hand; 1 to 10000.
	Keep int
}

// Notify (notify) tells people what became of a run.
type Notify struct {
	// Webhook (webhook) is the http or https URL to post to. Empty (the
	// default): nobody is told. Its path is its password, so all of it is secret.
	Webhook Secret
	// Format (format) is the shape of the message. Defaults to generic.
	Format NotifyFormat
	// On (on) are the events to tell: started, or an outcome of a run. Defaults
	// to swapped, refused, failed, lost and unknown: a night without any message
	// is a night in which something is wrong, and the server that came second
	// (locked, skipped) is no news.
	On []string
}

// NotifyFormat is the shape of a notification.
type NotifyFormat string

// The values of notify.format.
const (
	NotifyGeneric NotifyFormat = "generic" // the run's summary as JSON
	NotifySlack   NotifyFormat = "slack"
	NotifyTeams   NotifyFormat = "teams"
)

// Metrics (metrics) is where the figures of a run go.
type Metrics struct {
	// TextFile (text_file) is written in the Prometheus text format, for the
	// node exporter's textfile collector, which reads names ending in .prom.
	// Empty (the default): none.
	TextFile string
	// PushURL (push_url) is a Pushgateway. Empty (the default): none.
	PushURL SecretURL
	// Job (job) is the job label at the Pushgateway. Defaults to reindex.
	Job string
}
