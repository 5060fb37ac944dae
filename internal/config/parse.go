package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// parseFunc turns text into the value of one setting. It is given no empty text,
// and its error is the hint of an [Error]: what is wanted, without the text,
// which may be a secret.
type parseFunc func(value) error

func text[T ~string](to *T) parseFunc {
	return func(v value) error {
		*to = T(strings.TrimSpace(v.text))
		return nil
	}
}

// verbatim keeps blanks: they may be part of a password.
func verbatim(to *Secret) parseFunc {
	return func(v value) error {
		*to = Secret(v.text)
		return nil
	}
}

func oneOf[T ~string](to *T, allowed ...T) parseFunc {
	return func(v value) error {
		*to = T(strings.TrimSpace(v.text))
		if !slices.Contains(allowed, *to) {
			return fmt.Errorf("want one of %s", enumerate(allowed))
		}
		return nil
	}
}

func someOf(to *[]string, allowed ...string) parseFunc {
	return func(v value) error {
		for part := range strings.SplitSeq(v.text, ",") {
			part = strings.TrimSpace(part)
			if !slices.Contains(allowed, part) {
				return fmt.Errorf("want some of %s", enumerate(allowed))
			}
			if !slices.Contains(*to, part) {
				*to = append(*to, part)
			}
		}
		return nil
	}
}

func count[T int | int64](to *T, least, most int64) parseFunc {
	return func(v value) error {
		n, err := strconv.ParseInt(strings.TrimSpace(v.text), 10, 64)
		switch {
		case err == nil && least <= n && n <= most:
			*to = T(n)
			return nil
		case most == math.MaxInt64:
			return fmt.Errorf("want a whole number, %d or more", least)
		default:
			return fmt.Errorf("want a whole number, %d to %d", least, most)
		}
	}
}

// limit reads off as nil.
func limit(to **int64) parseFunc {
	return func(v value) error {
		if strings.TrimSpace(v.text) == "off" {
			*to = nil
			return nil
		}
		n := new(int64)
		if err := count(n, 0, math.MaxInt64)(v); err != nil {
			return fmt.Errorf("%w, or off", err)
		}
		*to = n
		return nil
	}
}

// workers reads auto as 0.
func workers(to *int) parseFunc {
	number := count(to, 1, 64)
	return func(v value) error {
		if strings.TrimSpace(v.text) == "auto" {
			*to = 0
			return nil
		}
		if number(v) != nil {
			return errors.New("want auto or a whole number, 1 to 64")
		}
		return nil
	}
}

// size reads 4MiB, 4MB (4,000,000) and plain bytes.
func size(to *int64, least, most int64) parseFunc {
	return func(v value) error {
		n, err := humanize.ParseBytes(strings.TrimSpace(v.text))
		if err != nil || n > math.MaxInt64 || int64(n) < least || int64(n) > most {
			return fmt.Errorf("want a size such as 4MiB, %s to %s", inUnits(least), inUnits(most))
		}
		*to = int64(n)
		return nil
	}
}

func inUnits(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%dMiB", n>>20)
	}
	return fmt.Sprintf("%dKiB", n>>10)
}

func duration(to *time.Duration, least, most time.Duration) parseFunc {
	return func(v value) error {
		d, err := time.ParseDuration(strings.TrimSpace(v.text))
		if err != nil || d < least || d > most {
			return fmt.Errorf("want a duration such as 30s or 5m, %s to %s", short(least), short(most))
		}
		*to = d
		return nil
	}
}

// short writes 10m for 10m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// fraction reads 10%, 0.1 and off. A bare 1 could be meant as 1% or as all of
// it, and the two differ by a whole index, so numbers from 1 up need the sign.
func fraction(to *float64) parseFunc {
	return func(v value) error {
		text := strings.TrimSpace(v.text)
		if text == "off" {
			*to = 1
			return nil
		}
		number, percent := strings.CutSuffix(text, "%")
		f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if percent {
			f /= 100
		}
		// Written so that NaN, which compares with nothing, is refused.
		inRange := f >= 0 && (f < 1 || percent && f == 1)
		if err != nil || !inRange {
			return errors.New("want a share such as 10% or 0.1, 0% to 100%, or off")
		}
		*to = f
		return nil
	}
}

// listen takes host:port; the host may be left out.
func listen(to *string) parseFunc {
	return func(v value) error {
		text := strings.TrimSpace(v.text)
		_, port, err := net.SplitHostPort(text)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
			return errors.New("want an address such as 127.0.0.1:8080")
		}
		*to = text
		return nil
	}
}

func timeZone(to **time.Location) parseFunc {
	return func(v value) error {
		name := strings.TrimSpace(v.text)
		zone, err := time.LoadLocation(name)
		// Local is whatever the machine has, which differs between servers.
		if err != nil || name == "Local" {
			return errors.New("want the name of a time zone such as Europe/London or UTC")
		}
		*to = zone
		return nil
	}
}

func enumerate[T ~string](words []T) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = string(w)
	}
	return strings.Join(parts, ", ")
}
