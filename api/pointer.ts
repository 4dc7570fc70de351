// JSON pointers (RFC 6901), by which problems say where in a body they are.

/** The pointer to a path: `['messages', 0, 'a/b']` is `/messages/0/a~1b`. */
export function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
