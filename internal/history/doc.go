// Package history keeps a record of every run in Elasticsearch, where all
// servers see it: what is at work now and what became of the runs before.
//
// Promise: a [Recorder] neither delays nor fails a run; what it cannot write
// costs one warning. Limits: nothing decides by a record, they are for people;
// the times in it are those of the machine that ran; and a run that is killed
// leaves a record that says running, which [Judge] sees through.
package history
