// Bundled beside the workflows in the model test: their short waits take a hundredth of the time.
import { type WorkflowInterceptors } from '@temporalio/workflow'

/** Waits from here on are the test's own, and are not meant to end. */
const longMs = 30 * 60_000

export const interceptors = (): WorkflowInterceptors => ({
  outbound: [
    {
      startTimer(input, next) {
        const { durationMs } = input
        return next({ ...input, durationMs: durationMs < longMs ? durationMs / 100 : durationMs })
      },
    },
  ],
})
