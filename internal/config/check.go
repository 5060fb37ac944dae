package config

import (
	"net/url"
	"slices"
)

// The checks in this file look at settings together, after each has been
// checked alone.

// checkCredentials settles who asks Elasticsearch. Contradictions are refused,
// also when the places differ (a key in a variable, a user in the file): the
// wrong one of two identities could reach another cluster's index.
func (l *loader) checkCredentials() {
	inURL := userOf(l.values["elasticsearch.url"].text)
	user, password := l.given("elasticsearch.username"), l.given("elasticsearch.password")
	switch {
	case l.given("elasticsearch.api_key") && (user || password || inURL != nil):
		l.report("elasticsearch.api_key", "is set together with a user or password", "keep one of the two")
	case inURL != nil && user:
		l.report("elasticsearch.url", "holds a user while elasticsearch.username is set", "keep one of the two")
	case inURL != nil:
		l.takeUser(inURL)
	case password && !user:
		l.report("elasticsearch.password", "is set without a user", "set elasticsearch.username")
	case user && !password:
		l.report("elasticsearch.username", "is set without a password", "set ELASTICSEARCH_PASSWORD or ELASTICSEARCH_PASSWORD_FILE")
	}
}

// takeUser moves the user of the URLs to where it would be without them.
func (l *loader) takeUser(user *url.Userinfo) {
	es := &l.config.Elasticsearch
	es.Username = user.Username()
	inURL, has := user.Password()
	separate := l.given("elasticsearch.password")
	switch {
	case has && separate:
		l.report("elasticsearch.url", "holds a password while elasticsearch.password is set", "keep one of the two")
	case has:
		es.Password = Secret(inURL)
	case !separate:
		l.report("elasticsearch.url", "holds a user without a password", "set ELASTICSEARCH_PASSWORD or ELASTICSEARCH_PASSWORD_FILE")
	}
}

func (l *loader) checkTLS() {
	cert, key := l.given("elasticsearch.client_cert"), l.given("elasticsearch.client_key")
	switch {
	case cert && !key:
		l.report("elasticsearch.client_cert", "is set without its key", "set elasticsearch.client_key")
	case key && !cert:
		l.report("elasticsearch.client_key", "is set without its certificate", "set elasticsearch.client_cert")
	}
	if l.given("elasticsearch.fingerprint") && l.given("elasticsearch.ca_cert") {
		l.report("elasticsearch.fingerprint", "is set together with elasticsearch.ca_cert", "keep one of the two: each says which server to trust")
	}
}

// checkNames refuses a document in which two things have the same name.
// Whether a list is named like a column is seen when the query runs.
func (l *loader) checkNames() {
	source := &l.config.Source
	if source.Version != "" && source.Version == source.ID {
		l.report("source.version", "is the id column", "name a column that grows with each change, or leave it out")
	}
	fields := map[string]bool{}
	for _, object := range source.Objects {
		fields[object.Field] = true
		if object.Field == source.ID {
			l.report(objectsField+"."+object.Field, "is also the id column", "give the object another name")
		}
	}
	for _, list := range source.Lists {
		if fields[list.Field] {
			l.report(listsField+"."+list.Field, "is also an object", "give one of them another name")
		}
		if list.Field == source.ID {
			l.report(listsField+"."+list.Field, "is also the id column", "give the array another name")
		}
	}
}

// given says whether any place but the default has a value for field.
func (l *loader) given(field string) bool {
	v, ok := l.values[field]
	return ok && v.origin != "default"
}

// unreadable says whether a field of the section could not be read, so that
// what it would have been is unknown.
func (l *loader) unreadable(name string) bool {
	if slices.ContainsFunc(l.unset, func(field string) bool { return section(field) == name }) {
		return true
	}
	for _, p := range l.parts() {
		for field := range p.failed {
			if section(field) == name {
				return true
			}
		}
	}
	return false
}
