// Package es talks to Elasticsearch: it builds a client from addresses and
// credentials, sends one request, and says what kind of answer came.
//
// Promise: a request is sent once. Nothing here retries, so that whoever sends
// a write decides what an unanswered one means. Every failure is one of two
// kinds: [Error], Elasticsearch answered and said no, or [NoAnswerError],
// nobody knows whether the request was applied. Neither ever carries a
// credential or a request body.
//
// Limit: it knows nothing of aliases, locks or documents.
package es
