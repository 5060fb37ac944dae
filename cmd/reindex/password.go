package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// shortestPassword and longestPassword are in bytes; bcrypt takes no more.
const (
	shortestPassword = 12
	longestPassword  = 72
)

// readPassword reads one line; from a terminal it is not shown.
func readPassword(in io.Reader) ([]byte, error) {
	var password []byte
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		text, err := term.ReadPassword(int(f.Fd()))
		if err != nil {
			return nil, fmt.Errorf("read the password: %w", err)
		}
		password = text
	} else {
		lines := bufio.NewScanner(in)
		if !lines.Scan() {
			return nil, errors.New("there is no password on the standard input")
		}
		password = lines.Bytes()
	}
	if len(password) < shortestPassword || len(password) > longestPassword {
		return nil, fmt.Errorf("the password has %d bytes, want %d to %d", len(password), shortestPassword, longestPassword)
	}
	return password, nil
}
