// Package es talks to Elasticsearch: it builds a client from addresses and
// credentials, sends one request, and says what kind of answer came.
//
// Promise: a write is sent once. Nothing here repeats one, so that whoever sends
// it decides what an unanswered one means. With several addresses, one that does
// not answer is given no requests, and a GET that failed there goes to another.
// Every failure is one of two kinds: [Error], Elasticsearch answered and said no, or [NoAnswerError],
// nobody knows whether the request was applied. Neither ever carries a
// credential or a request body.
//
// Limit: it knows nothing of aliases, locks or documents.
package es
