// Says at intervals that something long is still under way, and for how long already.

const everyMs = 15_000

function inWords(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  const minutes = Math.floor(seconds / 60)
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`
}

/** Says what is done at once, then every 15 s how long it has taken, until the work ends. */
export async function whileSaying<T>(
  what: string,
  onProgress: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now()
  onProgress(what)
  const timer = setInterval(
    () => onProgress(`${what}: ${inWords(performance.now() - startedAt)} so far`),
    everyMs,
  )
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
