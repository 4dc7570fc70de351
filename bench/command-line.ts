// Reads a program's options; what can't be understood is told with the program's help, and without a stack.
import { parseArgs, type ParseArgsConfig } from 'node:util'

/** As `parseArgs`; ends the process with code 2 where an option is unknown or lacks its value. */
export function readCommandLine<T extends ParseArgsConfig>(
  config: T,
  help: string,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}`)
    process.exit(2)
  }
}

/** The most friends that a sample may have; ids and names of more fill disks and hours. */
export const mostRecipients = 50_000_000

/** As `--warehouse` names it; ends the process with code 2 where there is none of that name. */
export function warehouseNamed(name: string): 'duckdb' | 'bigquery' {
  if (name === 'duckdb' || name === 'bigquery') return name
  process.stderr.write('--warehouse must be duckdb or bigquery.\n')
  process.exit(2)
}
