package preflight

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/reindex/internal/es"
)

func TestRoomBelowTheHighWatermark(t *testing.T) {
	t.Parallel()
	const gb, tb = int64(1) << 30, int64(1) << 40
	for _, test := range []struct {
		name, watermark string // as the settings API shows it
		avail, total    int64
		want            int64
	}{
		{"a tenth of a small disk stays free", `"high":"90%","high.max_headroom":"150GB"`, 30 * gb, 100 * gb, 20 * gb},
		{"of a large one 150 GB", `"high":"90%","high.max_headroom":"150GB"`, 300 * gb, 4 * tb, 150 * gb},
		{"a part that was set has no limit", `"high":"90%","high.max_headroom":"-1"`, 300 * gb, 4 * tb, 0},
		{"a ratio", `"high":"0.5","high.max_headroom":"-1"`, 60 * gb, 100 * gb, 10 * gb},
		{"bytes", `"high":"20gb","high.max_headroom":"-1"`, 30 * gb, 4 * tb, 10 * gb},
		{"fuller than allowed", `"high":"90%"`, 5 * gb, 100 * gb, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				if r.URL.Path == "/_cluster/settings" {
					fmt.Fprintf(w, `{"defaults":{"cluster":{"routing":{"allocation":{"disk":{"watermark":{%s}}}}}}}`, test.watermark)
					return
				}
				fmt.Fprintf(w, `[{"disk.avail":"%d","disk.total":"%d"},{"disk.avail":null,"disk.total":null}]`, test.avail, test.total)
			}))
			t.Cleanup(server.Close)
			transport, err := es.New(es.Config{Addresses: []string{server.URL}})
			if err != nil {
				t.Fatal(err)
			}
			target := Target{ES: transport}
			high, err := target.highWatermark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			room, err := target.room(t.Context(), high)
			if room/gb*gb != test.want || err != nil {
				t.Errorf("room for %d bytes below %s, %v; want %d", room, high.text, err, test.want)
			}
		})
	}
}
