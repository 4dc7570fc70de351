// Builds the Temporal CLI with Go from published modules, at the versions that temporal-cli/go.mod and go.sum pin.
import { join } from 'node:path'
import { buildGoProgram } from './build-go-program.ts'
import { type Acquire } from './temporal-cli.ts'

/** Builds into a file beside the target, which gets its name only when it is whole. */
export const buildTemporalCli: Acquire = ({ version, ...rest }) =>
  buildGoProgram({
    ...rest,
    command: 'github.com/temporalio/cli/cmd/temporal',
    modules: join(import.meta.dirname, 'temporal-cli'),
    linkerFlags: `-X github.com/temporalio/cli/internal/temporalcli.Version=${version}`,
    saying: 'building the Temporal CLI from its Go modules, about 6 minutes, once per machine',
  })
