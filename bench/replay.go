package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"golang.org/x/sync/errgroup"
)

// replay sends ready-made bodies with so many in flight and returns how long
// each took, in milliseconds. Any failed document fails it.
func replay(ctx context.Context, t esapi.Transport, index string, bodies [][]byte, workers int) ([]float64, error) {
	var mu sync.Mutex
	var took []float64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, body := range bodies {
		g.Go(func() error {
			begin := time.Now()
			err := sendBody(ctx, t, index, body)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, float64(time.Since(begin).Microseconds())/1e3)
			return err
		})
	}
	return took, g.Wait()
}

func sendBody(ctx context.Context, t esapi.Transport, index string, body []byte) error {
	path := "/" + index + "/_bulk?filter_path=errors"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := t.Perform(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || !bytes.HasPrefix(answer, []byte(`{"errors":false`)) {
		return fmt.Errorf("bulk request to %s: status %d, %.200s", index, res.StatusCode, answer)
	}
	return nil
}

func percentiles(ms []float64) latency {
	if len(ms) == 0 {
		return latency{}
	}
	ms = slices.Sorted(slices.Values(ms))
	at := func(percent int) float64 { return ms[(len(ms)*percent+99)/100-1] }
	return latency{P50: at(50), P90: at(90), P99: at(99), Max: at(100)}
}
