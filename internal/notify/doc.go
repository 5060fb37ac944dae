// Package notify tells people, through a webhook, that a run has started or how
// it ended.
//
// Promise: one notice is one request, repeated a few times if it is not
// answered, and over when the context is; no error and no log line shows more
// of the webhook's URL than its host, because its path is its password. Limit:
// a notice can arrive twice, when its answer was lost, and it is not kept for
// later.
package notify
