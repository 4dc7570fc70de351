// Quoting: how our own values and names become GoogleSQL text.

/** A text literal; only for text of our own, as free text of people goes in as a query parameter. */
export function text(value: string): string {
  const escaped = value
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
  return `'${escaped}'`
}

/** An identifier. */
export function name(value: string): string {
  return `\`${value.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}

/** Where the last word of a statement ends, so that it can stand within parentheses; 0 where there is none. */
export function endOfStatement(sql: string): number {
  // Strings, quoted names and comments in the order in which GoogleSQL's lexer looks for them.
  const token =
    /[rRbB]{0,2}("""|''')(?:\\[^]|(?!\1)[^])*\1|[rRbB]{0,2}(["'])(?:\\[^]|(?!\2)[^\n\\])*\2|`(?:\\[^]|[^`\\])*`|(--|#)[^\n]*|\/\*[^]*?\*\/|[\s;]+|[A-Za-z0-9_]+|[^]/g
  let end = 0
  for (const match of sql.matchAll(token)) {
    const isNothing = match[3] !== undefined || match[0].startsWith('/*') || /^[\s;]/.test(match[0])
    if (!isNothing) end = match.index + match[0].length
  }
  return end
}
