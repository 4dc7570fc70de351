// Makes one readable line of what a process wrote: pino's JSON becomes `HH:MM:SS worker  message k=v`.
const levels: Record<number, string> = {
  10: 'TRACE ',
  20: 'DEBUG ',
  30: '',
  40: 'WARN ',
  50: 'ERROR ',
  60: 'FATAL ',
}
const notShown = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'v'])

function clock(at: Date): string {
  return at.toTimeString().slice(0, 8)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return /[\s"=]/.test(value) ? JSON.stringify(value) : value
  // pino writes an error as an object; its stack would make a page of the line.
  if (typeof value === 'object' && value !== null && 'message' in value) return shown(value.message)
  return JSON.stringify(value)
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}

/**
 * @param name of the part that wrote the line.
 * @param text the line, without its line break; what is not pino's JSON stays as it is.
 * @param now shown where the line brings no time of its own.
 */
export function renderLogLine(name: string, text: string, now = new Date()): string {
  const label = name.padEnd(10)
  const entry = parseObject(text)
  if (typeof entry?.msg !== 'string' || typeof entry.level !== 'number') {
    return `${clock(now)} ${label} ${text}`
  }
  const at = typeof entry.time === 'number' || typeof entry.time === 'string' ? entry.time : now
  const fields = Object.entries(entry)
    .filter(([key]) => !notShown.has(key))
    .map(([key, value]) => ` ${key}=${shown(value)}`)
  return `${clock(new Date(at))} ${label} ${levels[entry.level] ?? ''}${entry.msg}${fields.join('')}`
}
