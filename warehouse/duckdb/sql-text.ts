// Quoting: how our own values and names become DuckDB SQL text.

/** A text literal. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** An identifier. */
export function name(value: string): string {
  return `"${value.replaceAll('"', '""')}"`
}

/** A literal list of file paths, in which the engine sees no wildcard. */
export function files(paths: readonly string[]): string {
  const literally = (path: string) => path.replaceAll(/[*?[]/g, (sign) => `[${sign}]`)
  return `[${paths.map((path) => text(literally(path))).join(', ')}]`
}

/** Reads Parquet files as one relation. */
export function parquet(paths: readonly string[]): string {
  return `read_parquet(${files(paths)})`
}
