package changes

import (
	"fmt"
	"strconv"
)

// Session is one open transaction of PostgreSQL, REPEATABLE READ and READ ONLY,
// used by one goroutine at a time. Values are in text form, and NULL is nil.
type Session interface {
	// Each runs one statement and calls row for each row of its result; values
	// are valid until row returns. An error of row ends the statement.
	Each(sql string, params [][]byte, row func(values [][]byte) error) error
}

// exec runs a statement that has no result.
func exec(s Session, sql string) error {
	return s.Each(sql, nil, func([][]byte) error { return nil })
}

// one returns a copy of the first row.
func one(s Session, sql string, params ...[]byte) ([]string, error) {
	var out []string
	err := s.Each(sql, params, func(values [][]byte) error {
		if out != nil {
			return nil
		}
		out = make([]string, len(values))
		for i, v := range values {
			out[i] = string(v)
		}
		return nil
	})
	if err == nil && out == nil {
		err = fmt.Errorf("no row came from: %s", sql)
	}
	return out, err
}

func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("PostgreSQL sent %q where a whole number was asked for", text)
	}
	return n, nil
}
