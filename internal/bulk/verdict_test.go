package bulk

import "testing"

func TestJudge(t *testing.T) {
	t.Parallel()
	plainDoc, versioned, deletion := item{}, item{conditional: true}, item{deletion: true}
	tests := map[string]struct {
		status int
		kind   string // empty for no error
		it     item
		want   verdict
	}{
		"a new document":                  {201, "", plainDoc, created},
		"an old document":                 {200, "", plainDoc, updated},
		"a deletion":                      {200, "", deletion, deleted},
		"a deletion of nothing":           {404, "", deletion, absent},
		"a document that is not found":    {404, "", plainDoc, again},
		"a deletion that created":         {201, "", deletion, again},
		"a success with an odd status":    {500, "", plainDoc, again},
		"a newer version is there":        {409, "version_conflict_engine_exception", versioned, conflict},
		"a conflict without a version":    {409, "version_conflict_engine_exception", plainDoc, rejected},
		"a value of the wrong type":       {400, "document_parsing_exception", plainDoc, rejected},
		"the same, as version 7 says it":  {400, "mapper_parsing_exception", plainDoc, rejected},
		"a field that is not mapped":      {400, "strict_dynamic_mapping_exception", plainDoc, rejected},
		"an unknown fault of a document":  {422, "whatever_exception", plainDoc, rejected},
		"one document too large":          {413, "too_large_exception", plainDoc, rejected},
		"a full queue":                    {429, "es_rejected_execution_exception", plainDoc, again},
		"a circuit breaker":               {429, "circuit_breaking_exception", plainDoc, again},
		"the flood stage":                 {429, "cluster_block_exception", plainDoc, fatal},
		"a read-only index":               {403, "cluster_block_exception", plainDoc, fatal},
		"a cluster that starts":           {503, "cluster_block_exception", plainDoc, again},
		"no rights on the index":          {403, "security_exception", plainDoc, fatal},
		"a shard that is not there":       {503, "unavailable_shards_exception", plainDoc, again},
		"a node that went away":           {500, "node_disconnected_exception", plainDoc, again},
		"the alias is gone":               {404, "index_not_found_exception", plainDoc, gone},
		"the alias is gone at a deletion": {404, "index_not_found_exception", deletion, gone},
		"a closed index":                  {400, "index_closed_exception", plainDoc, fatal},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := answer{status: tt.status, failed: tt.kind != "", kind: []byte(tt.kind)}
			if got := judge(a, tt.it); got != tt.want {
				t.Errorf("judge(%d %s) = %d; want %d", tt.status, tt.kind, got, tt.want)
			}
		})
	}
}

func TestJudgeRequest(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		kind   string
		want   verdict
	}{
		"too many requests":      {429, "es_rejected_execution_exception", again},
		"too many, says a proxy": {429, "", again},
		"the flood stage":        {429, "cluster_block_exception", fatal},
		"a bad gateway":          {502, "", again},
		"no master":              {503, "cluster_block_exception", again},
		"a gateway time-out":     {504, "", again},
		"a request time-out":     {408, "", again},
		"too large":              {413, "", split},
		"not authenticated":      {401, "security_exception", fatal},
		"not authorised":         {403, "security_exception", fatal},
		"the alias is gone":      {404, "index_not_found_exception", gone},
		"not Elasticsearch":      {404, "", fatal},
		"a redirect":             {302, "", fatal},
		"a body nobody can read": {400, "illegal_argument_exception", fatal},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := judgeRequest(tt.status, tt.kind); got != tt.want {
				t.Errorf("judgeRequest(%d, %q) = %d; want %d", tt.status, tt.kind, got, tt.want)
			}
		})
	}
}
