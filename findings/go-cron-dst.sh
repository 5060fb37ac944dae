#!/usr/bin/env bash
# github.com/netresearch/go-cron v0.9.1, Schedule.Next on days with 23 and 25 hours.
#
# Guess: its documentation (docs/DST_HANDLING.md) says that a time of the hour that is repeated counts once, that a
# midnight that does not exist is put right, and that a time of the hour that is skipped counts right after the jump.
# Behaviour: a repeated 01:29 counts twice; where midnight does not exist the whole day has no run, also at 00:30; a
# jump of half an hour (Lord Howe) skips the day; 01:29 in a skipped hour counts at 02:29, while 01:00, 01:20 and 01:40
# all count at 02:00.
# A nightly job would run twice on one night of October and not at all on one of the year. internal/serve/schedule
# therefore lets the library match on a calendar without daylight saving, and finds the instant itself.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/netresearch/go-cron"
)

func main() {
	for _, test := range []struct{ expression, zone, from string }{
		{"29 1 * * *", "Europe/London", "2026-10-24T12:00:00Z"},
		{"29 1 * * *", "Europe/London", "2026-03-28T12:00:00Z"},
		{"*/20 1 * * *", "Europe/London", "2026-03-28T12:00:00Z"},
		{"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z"},
		{"30 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z"},
	} {
		s, err := cron.ParseStandard("CRON_TZ=" + test.zone + " " + test.expression)
		if err != nil {
			panic(err)
		}
		at, _ := time.Parse(time.RFC3339, test.from)
		fmt.Printf("%s %s:", test.zone, test.expression)
		zone, _ := time.LoadLocation(test.zone)
		for range 2 {
			at = s.Next(at)
			fmt.Print(" ", at.In(zone).Format("01-02T15:04MST"))
		}
		fmt.Println()
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/netresearch/go-cron@v0.9.1 >/dev/null 2>&1
go run . | tee seen
diff seen - <<'WANT'
Europe/London 29 1 * * *: 10-25T01:29BST 10-25T01:29GMT
Europe/London 29 1 * * *: 03-29T02:29BST 03-30T01:29BST
Europe/London */20 1 * * *: 03-29T02:00BST 03-30T01:00BST
America/Sao_Paulo 0 0 * * *: 11-05T00:00-02 11-06T00:00-02
America/Sao_Paulo 30 0 * * *: 11-05T00:30-02 11-06T00:30-02
Australia/Lord_Howe 15 2 * * *: 10-05T02:15+11 10-06T02:15+11
WANT
echo 'as described'
