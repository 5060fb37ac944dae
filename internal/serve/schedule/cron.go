package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// Cron is a cron expression in a time zone.
type Cron struct {
	Expression string
	Zone       *time.Location

	calendar cron.Schedule // on a calendar where every day has 24 hours
	hourly   cron.Schedule // in the zone, for an expression that names no hour; else nil
}

// fields are the five of crontab(5), with its rule that either of two days counts.
const fields = cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor | cron.DowOrDom

// ParseCron reads an expression such as "29 1 * * *" or "@daily".
func ParseCron(expression string, zone *time.Location) (*Cron, error) {
	expression = strings.Join(strings.Fields(expression), " ")
	if strings.Contains(expression, "=") || strings.HasPrefix(expression, "@every") {
		return nil, errors.New("want minute, hour, day, month and weekday, such as 29 1 * * *; the time zone has a setting of its own")
	}
	parser, err := cron.TryNewParser(fields)
	if err != nil {
		return nil, fmt.Errorf("cron parser: %w", err)
	}
	c := &Cron{Expression: expression, Zone: zone}
	if c.calendar, err = parser.Parse("CRON_TZ=UTC " + expression); err != nil {
		return nil, fmt.Errorf("want minute, hour, day, month and weekday, such as 29 1 * * *: %w", err)
	}
	if parts := strings.Fields(expression); expression == "@hourly" || (len(parts) == 5 && parts[1] == "*") {
		if c.hourly, err = parser.Parse("CRON_TZ=" + zone.String() + " " + expression); err != nil {
			return nil, fmt.Errorf("time zone %s: %w", zone, err)
		}
	}
	if c.calendar.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errors.New("there is no such day in any year")
	}
	return c, nil
}

// Next is the first time after t, or zero if there is none within five years.
func (c *Cron) Next(t time.Time) time.Time {
	if c.hourly != nil {
		return c.hourly.Next(t.In(c.Zone)).In(c.Zone)
	}
	for wall := wallOf(t, c.Zone); ; {
		if wall = c.calendar.Next(wall); wall.IsZero() {
			return wall
		}
		if at := instant(wall, c.Zone); at.After(t) {
			return at
		}
	}
}

// Times are the next n times after t.
func (c *Cron) Times(t time.Time, n int) []time.Time {
	var times []time.Time
	for range n {
		if t = c.Next(t); t.IsZero() {
			break
		}
		times = append(times, t)
	}
	return times
}

// wallOf is what a clock in the zone shows at t, as a time of the calendar.
func wallOf(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant is when a clock in the zone shows wall: the first time if it does so
// twice, and the moment of the jump if it never does.
func instant(wall time.Time, zone *time.Location) time.Time {
	// Which of two offsets Date takes is not promised (package time).
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := at.ZoneBounds()
	switch shown := wallOf(at, zone); {
	case shown.After(wall):
		return start
	case shown.Before(wall):
		return end
	case start.IsZero():
		return at
	}
	_, before := start.Add(-time.Second).Zone()
	if first := wall.Add(-time.Duration(before) * time.Second); first.Before(start) {
		return first.In(zone)
	}
	return at
}
