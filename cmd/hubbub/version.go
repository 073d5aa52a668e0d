package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// versionCommand prints what this binary was built from.
type versionCommand struct{}

// Run prints the version.
func (*versionCommand) Run(stdout io.Writer) error {
	_, err := fmt.Fprintf(stdout, "hubbub %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version is the tag or commit that Go noted when it built the binary.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
