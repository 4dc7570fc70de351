//go:build tools

// Package tools pins the Temporal CLI, so that `go build` makes it from published modules alone.
package tools

import _ "github.com/temporalio/cli/cmd/temporal"
