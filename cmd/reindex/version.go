package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the linker, see the Makefile; a plain `go build` leaves them empty.
var buildVersion, buildCommit string //nolint:gochecknoglobals // -ldflags -X can set nothing else

type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
}

func version() versionInfo {
	v := versionInfo{Version: buildVersion, Commit: buildCommit, Go: runtime.Version()}
	if v.Version == "" {
		v.Version = "devel"
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if a.json {
				a.printJSON(v)
				return nil
			}
			fmt.Fprintf(a.out, "reindex %s", v.Version)
			if v.Commit != "" {
				fmt.Fprintf(a.out, " (%s)", v.Commit)
			}
			fmt.Fprintf(a.out, " %s\n", v.Go)
			return nil
		},
	}
}
