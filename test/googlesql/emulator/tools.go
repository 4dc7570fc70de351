//go:build tools

// Names the program that this module exists to build: an independent judge of the generated GoogleSQL.
package tools

import _ "github.com/goccy/bigquery-emulator/cmd/bigquery-emulator"
