package main

import (
	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/pipeline"
)

func options(c *config.Config, f runFlags, who esalias.Holder, failures *failuresFile) pipeline.Options {
	return pipeline.Options{
		Holder:      who,
		LockTimeout: f.lockTimeout,
		IfOlderThan: f.ifOlderThan,
		Body:        c.Index.Body,
		Tool:        "reindex " + version().Version,
		Workers:     c.Load.Workers,
		BatchBytes:  int(c.Load.BatchBytes),
		MaxFailures: c.Load.MaxFailures,
		RetryFor:    c.Load.RetryFor,
		OnFailure:   failures.write,
		Gates: pipeline.Gates{
			MinDocuments: c.Gates.MinDocuments,
			MaxShrink:    c.Gates.MaxShrink,
			MaxOrphans:   c.Gates.MaxOrphans,
			AllowEmpty:   f.allowEmpty,
		},
		CatchUp:  pipeline.CatchUp(c.CatchUp),
		Versions: c.Source.Version != "",
		Keep:     c.Index.Keep,
		NoSwap:   f.noSwap,
	}
}
