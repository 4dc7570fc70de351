// Ends the process once: in order when it is asked, at once when it is asked again or takes too long.

/** Below the 10 s after which a supervisor insists. */
const longestMs = 8_000

/**
 * Calls `stop` on SIGTERM, SIGINT, or when the process that forked this one is gone, then exits 0;
 * exits 1 on a second signal, when `stop` rejects, or after 8 s.
 */
export function shutDownOnSignal(stop: () => Promise<void>, onFailure: (error: unknown) => void) {
  let isStopping = false
  const end = () => {
    if (isStopping) process.exit(1)
    isStopping = true
    setTimeout(() => process.exit(1), longestMs).unref()
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        onFailure(error)
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  process.once('disconnect', () => {
    if (!isStopping) end()
  })
}
