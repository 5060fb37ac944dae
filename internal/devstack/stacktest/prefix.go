package stacktest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// prefixWords bounds how much of the test's name a prefix carries: PostgreSQL
// cuts names at 63 bytes, and callers add to a prefix.
const prefixWords = 24

// Prefix returns a name that no other test uses, made of lower-case letters,
// digits and hyphens: the beginning of every alias and index of this test, or
// an alias itself. When the test ends every index named `prefix*` or
// `lock-prefix*`, hidden or not, is deleted with its aliases.
func Prefix(tb testing.TB) string {
	tb.Helper()
	prefix := unique(tb)
	if server := os.Getenv(ElasticsearchEnv); server != "" {
		tb.Cleanup(func() { deleteIndices(tb, server, prefix) })
	}
	return prefix
}

// unique returns a name for something that belongs to this test alone. It ends
// in a letter: a name that ends in digits alone reads as a generation.
func unique(tb testing.TB) string {
	tb.Helper()
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return words(tb.Name()) + "-" + hex.EncodeToString(random[:]) + "x"
}

// words turns a test's name into the readable part of an index name.
func words(name string) string {
	name = strings.TrimPrefix(name, "Test")
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
	if len(clean) > prefixWords {
		clean = clean[:prefixWords]
	}
	return "t" + clean
}

// deleteIndices removes every index of the prefix by its exact name, since
// Elasticsearch refuses to delete by wildcard.
func deleteIndices(tb testing.TB, server, prefix string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	const query = "/_settings?expand_wildcards=all&filter_path=*.settings.index.uuid"
	body, err := call(ctx, http.MethodGet, server, "/"+prefix+"*,lock-"+prefix+"*"+query, "")
	if err != nil {
		tb.Errorf("list the indices of this test: %v", err)
		return
	}
	var indices map[string]json.RawMessage
	if err := json.Unmarshal(body, &indices); err != nil {
		tb.Errorf("list the indices of this test: %v", err)
	}
	for name := range indices {
		if err := deleteIndex(ctx, server, name); err != nil {
			tb.Errorf("delete index %s: %v", name, err)
		}
	}
}

// deleteIndex lifts a read-only block first, which would refuse the deletion.
func deleteIndex(ctx context.Context, server, name string) error {
	_, err := call(ctx, http.MethodDelete, server, "/"+name+"?ignore_unavailable=true", "")
	if err == nil {
		return nil
	}
	if _, err := call(ctx, http.MethodPut, server, "/"+name+"/_settings", `{"index.blocks.read_only":null}`); err != nil {
		return err
	}
	_, err = call(ctx, http.MethodDelete, server, "/"+name+"?ignore_unavailable=true", "")
	return err
}

// call sends one request and returns the body of a 2xx answer.
func call(ctx context.Context, method, server, path, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(server, "/")+path, strings.NewReader(body)) //nolint:gosec // G704: the address comes from whoever runs the tests
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // goleak: leave no idle connection behind
	resp, err := client.Do(req)                                                 //nolint:gosec // G704: as above
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, nil
}
