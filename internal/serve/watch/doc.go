// Package watch looks at each index again and again, and keeps what it saw
// last, with the time: the page and the API never ask Elasticsearch themselves,
// so a thousand people who look cost as much as one.
//
// Promise: what could not be seen is never shown as empty; the last view stays,
// with its age and what has gone wrong since. Limit: a view is some seconds old.
package watch
