package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// trimMost bounds what one run deletes; the next run goes on.
const trimMost = 1000

// Trim deletes the oldest records until keep are left, a thousand at most, and
// returns how many it deleted. Several may trim at once: records are deleted by
// id, so none is that should stay.
func (s *Store) Trim(ctx context.Context, keep int) (int, error) {
	hits, total, err := s.search(ctx, map[string]any{
		"size": trimMost, "_source": false, "track_total_hits": true,
		"sort": []any{map[string]any{"started": "asc"}, map[string]any{"run_id": "asc"}},
	})
	if err != nil || total <= keep {
		return 0, err
	}
	hits = hits[:min(total-keep, len(hits))]
	if err := s.remove(ctx, hits); err != nil {
		return 0, fmt.Errorf("trim history of %s: %w", s.alias, err)
	}
	return len(hits), nil
}

// remove sends plain deletions: unlike ones with a version they do not make an
// index that somebody has deleted meanwhile (checked on 8.19.7).
func (s *Store) remove(ctx context.Context, hits []hit) error {
	var body bytes.Buffer
	for _, h := range hits {
		action, err := json.Marshal(map[string]any{"delete": map[string]any{"_id": h.ID}})
		if err != nil {
			return err
		}
		body.Write(action)
		body.WriteByte('\n')
	}
	var answer struct {
		Items []struct {
			Delete struct {
				ID     string          `json:"_id"`
				Status int             `json:"status"`
				Error  json.RawMessage `json:"error"`
			} `json:"delete"`
		} `json:"items"`
	}
	throughAlias := true
	request := esapi.BulkRequest{Index: es.Part(s.writer()), RequireAlias: &throughAlias, Body: &body}
	if err := es.Send(ctx, s.es, request, &answer); err != nil {
		return err
	}
	for _, item := range answer.Items {
		// 404: another run was faster.
		if item.Delete.Status != http.StatusNotFound && item.Delete.Error != nil {
			return fmt.Errorf("delete record %s: HTTP %d", item.Delete.ID, item.Delete.Status)
		}
	}
	return nil
}
