// A bound on waiting: the promise's result, or a rejection when the time is over.

/** A promise was not settled in time. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed'
}

/** Waits for the promise at most `waitMs`. What it stands for goes on; only the waiting ends. @throws DeadlinePassed */
export async function within<T>(promise: Promise<T>, waitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new DeadlinePassed(`${what} took longer than ${Math.round(waitMs)} ms.`)),
      Math.max(waitMs, 0),
    )
  })
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
  }
}
