package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"example.com/reindex/internal/serve/schedule"
)

// cronField may stand alone (schedule: "29 1 * * *") or in its section.
const (
	scheduleField = "schedule"
	cronField     = "schedule.cron"
)

func cron(to *string) parseFunc {
	return func(v value) error {
		c, err := schedule.ParseCron(v.text, time.UTC)
		if err != nil {
			return err
		}
		*to = c.Expression
		return nil
	}
}

func yesNo(to *bool) parseFunc {
	return func(v value) error {
		switch strings.TrimSpace(v.text) {
		case "true":
			*to = true
		case "false":
			*to = false
		default:
			return errors.New("want true or false")
		}
		return nil
	}
}

// networks reads addresses with the length of their prefix.
func networks(to *[]netip.Prefix) parseFunc {
	return func(v value) error {
		for word := range strings.SplitSeq(v.text, ",") {
			p, err := netip.ParsePrefix(strings.TrimSpace(word))
			if err != nil {
				return errors.New("want networks such as 10.0.0.0/8, or 10.0.0.5/32 for one address")
			}
			if p.Bits() == 0 {
				return fmt.Errorf("%s is every address: name where the proxy is", p)
			}
			*to = append(*to, p.Masked())
		}
		return nil
	}
}

// words reads a list of anything.
func words(to *[]string) parseFunc {
	return func(v value) error {
		for word := range strings.SplitSeq(v.text, ",") {
			if word = strings.TrimSpace(word); word != "" {
				*to = append(*to, word)
			}
		}
		return nil
	}
}
