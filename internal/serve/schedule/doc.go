// Package schedule says when an index is rebuilt: cron expressions in a time
// zone, right on the days with 23 and 25 hours.
//
// Promise: a time of day that the clock skips counts at the moment the clock
// jumps, and one that it shows twice counts the first time only; an expression
// for every hour counts in every hour that really passes. The library parses
// and matches; it does so on a calendar without daylight saving, because in a
// zone it skips midnights that do not exist and counts repeated times twice
// (findings/go-cron-dst.sh). Limits: times are whole minutes; the next time is
// looked for within five years.
package schedule
