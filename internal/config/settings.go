package config

import (
	"math"
	"strings"
	"time"
)

// setting is one row of the table of settings: where its text may come from
// and what turns the text into a value.
type setting struct {
	field    string // dotted name in the file
	env      string // variable; for a secret, env+"_FILE" as well
	flag     string // without dashes; empty: none
	standard string // the default, in the form of the file; empty: none
	required string // what to do when it is missing; empty: optional
	list     bool   // the file may hold a list of values
	scope    scope  // where it may stand in a file with several indices
	block    bool   // the file may hold a block of text in place of a path
	show     func(text string) string
	parse    parseFunc
}

// settings is the table of the settings of one index, in the order of the documentation.
func settings(c *Config) []setting {
	es, src, load := &c.Elasticsearch, &c.Source, &c.Load
	return []setting{
		{field: "alias", scope: ownIndex, parse: alias(&c.Alias), required: "name the alias that readers search, such as alias: persons"},

		{field: "elasticsearch.url", scope: shared, env: "ELASTICSEARCH_URL", list: true, show: showURL, parse: clusterURLs(&es.URLs), required: "add it, or set ELASTICSEARCH_URL"},
		{field: "elasticsearch.api_key", scope: shared, env: "ELASTICSEARCH_API_KEY", show: hide, parse: apiKey(&es.APIKey)},
		{field: "elasticsearch.username", scope: shared, env: "ELASTICSEARCH_USERNAME", parse: text(&es.Username)},
		{field: "elasticsearch.password", scope: shared, env: "ELASTICSEARCH_PASSWORD", show: hide, parse: verbatim(&es.Password)},
		{field: "elasticsearch.ca_cert", scope: shared, env: "ELASTICSEARCH_CA_CERT", parse: pemFile(&es.CACert)},
		{field: "elasticsearch.client_cert", scope: shared, env: "ELASTICSEARCH_CLIENT_CERT", parse: pemFile(&es.ClientCert)},
		{field: "elasticsearch.client_key", scope: shared, env: "ELASTICSEARCH_CLIENT_KEY", parse: pemFile(&es.ClientKey)},
		{field: "elasticsearch.fingerprint", scope: shared, env: "ELASTICSEARCH_CERT_FINGERPRINT", parse: fingerprint(&es.Fingerprint)},

		{field: "source.url", scope: shared, env: "DATABASE_URL", show: showURL, parse: databaseURL(&src.URL)},
		{field: "source.id", scope: ownIndex, parse: text(&src.ID), required: "name the column that becomes _id, such as id: personId"},
		{field: documentField, scope: ownIndex, block: true, parse: query(&src.Document.File), required: "name the file with the query, such as document: persons.sql"},
		{field: "source.version", scope: ownIndex, parse: text(&src.Version)},
		{field: "source.row_security", standard: "refuse", parse: oneOf(&src.RowSecurity, RowSecurityRefuse, RowSecurityApply)},
		{field: "source.give_way", standard: "5s", parse: duration(&src.GiveWay, 100*time.Millisecond, 24*time.Hour)},

		{field: "index.body", scope: ownIndex, parse: body(&c.Index), required: "name a JSON file with settings and mappings; without mappings Elasticsearch would guess the types"},
		{field: "index.keep", flag: "keep", standard: "1", parse: count(&c.Index.Keep, 0, 100)},

		{field: "load.workers", flag: "workers", standard: "auto", parse: workers(&load.Workers)},
		{field: "load.batch_bytes", flag: "batch-bytes", standard: "4MiB", parse: size(&load.BatchBytes, 64<<10, 90<<20)},
		{field: "load.max_failures", flag: "max-failures", standard: "0", parse: count(&load.MaxFailures, 0, math.MaxInt64)},
		{field: "load.failures_file", scope: ownIndex, flag: "failures-file", parse: output(&load.FailuresFile)},
		{field: "load.retry_for", flag: "retry-for", standard: "1m", parse: duration(&load.RetryFor, time.Second, 24*time.Hour)},
		{field: "load.compression", flag: "compression", standard: "none", parse: oneOf(&load.Compression, CompressionNone, CompressionGzip)},

		{field: "gates.max_shrink", flag: "max-shrink", standard: "10%", parse: fraction(&c.Gates.MaxShrink)},
		{field: "gates.min_documents", flag: "min-documents", standard: "1", parse: count(&c.Gates.MinDocuments, 0, math.MaxInt64)},
		{field: "gates.max_orphans", flag: "max-orphans", standard: "off", parse: limit(&c.Gates.MaxOrphans)},

		{field: "lock.lease", flag: "lease", standard: "30s", parse: duration(&c.Lock.Lease, 2*time.Second, 10*time.Minute)},
		{field: "catch_up", flag: "catch-up", standard: "until-quiet", parse: oneOf(&c.CatchUp, CatchUpOff, CatchUpOnce, CatchUpUntilQuiet)},
		{field: cronField, scope: ownIndex, parse: cron(&c.Schedule.Cron)},
		{field: "schedule.time_zone", parse: timeZone(&c.Schedule.TimeZone)},
		{field: "schedule.jitter", standard: "0s", parse: duration(&c.Schedule.Jitter, 0, 6*time.Hour)},
		{field: "schedule.if_older_than", standard: "0s", parse: duration(&c.Schedule.IfOlderThan, 0, 366*24*time.Hour)},
		{field: "schedule.on_start", standard: "false", parse: yesNo(&c.Schedule.OnStart)},
		{field: "history.keep", standard: "400", parse: count(&c.History.Keep, 1, 10_000)},

		{field: "notify.webhook", show: hide, parse: webURL(&c.Notify.Webhook)},
		{field: "notify.format", standard: "generic", parse: oneOf(&c.Notify.Format, NotifyGeneric, NotifySlack, NotifyTeams)},
		{field: "notify.on", list: true, standard: "swapped,refused,failed,lost,unknown", parse: someOf(&c.Notify.On,
			"started", "swapped", "skipped", "built", "locked", "refused", "failed", "lost", "unknown")},

		{field: "metrics.text_file", parse: output(&c.Metrics.TextFile)},
		{field: "metrics.push_url", show: showURL, parse: webURL(&c.Metrics.PushURL)},
		{field: "metrics.job", standard: "reindex", parse: text(&c.Metrics.Job)},
	}
}

// Default is what a setting has where nobody says otherwise, in the form of the
// file; empty if it has none.
func Default(field string) string {
	for _, s := range settings(&Config{}) {
		if s.field == field {
			return s.standard
		}
	}
	return ""
}

// variable is the one variable that can hold s.
func (s setting) variable() string {
	if s.env != "" {
		return s.env
	}
	return "REINDEX_" + strings.ToUpper(strings.ReplaceAll(s.field, ".", "_"))
}

// secret says whether the text must not be shown, or not all of it.
func (s setting) secret() bool { return s.show != nil }

// shown is the text as an error or a listing may have it.
func (s setting) shown(text string) string {
	if s.secret() {
		return s.show(text)
	}
	return text
}

func hide(text string) string { return Secret(text).String() }

func showURL(text string) string { return SecretURL(text).String() }

// setSettings is the table of the settings that stand once, whatever the number
// of indices.
func setSettings(s *Set) []setting {
	return []setting{
		{field: "serve.listen", scope: shared, flag: "listen", standard: "127.0.0.1:8080", parse: listen(&s.Serve.Listen)},
		{field: "serve.time_zone", scope: shared, standard: "UTC", parse: timeZone(&s.Serve.TimeZone)},
		{field: "serve.users_file", scope: shared, parse: output(&s.Serve.UsersFile)},
		{field: "serve.proxy_networks", scope: shared, list: true, parse: networks(&s.Serve.ProxyNetworks)},
		{field: "serve.proxy_header", scope: shared, standard: "X-Forwarded-User", parse: text(&s.Serve.ProxyHeader)},
		{field: "serve.proxy_operators", scope: shared, list: true, parse: words(&s.Serve.ProxyOperators)},
		{field: "serve.tls_cert", scope: shared, parse: pemFile(&s.Serve.TLSCert)},
		{field: "serve.tls_key", scope: shared, parse: pemFile(&s.Serve.TLSKey)},
		{field: "serve.on_stop", scope: shared, standard: "stop", parse: oneOf(&s.Serve.OnStop, OnStopStop, OnStopFinish)},
		{field: "serve.stop_timeout", scope: shared, standard: "25s", parse: duration(&s.Serve.StopTimeout, time.Second, 24*time.Hour)},
	}
}
