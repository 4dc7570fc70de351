// Bundled beside the workflows in the model test: their short waits take a hundredth of the time, and activities may
// take as long as the test lets them wait.
import { type WorkflowInterceptors } from '@temporalio/workflow'

/** Of an activity between two heartbeats. */
const silentMs = 60_000
/** Waits from here on are the test's own, and are not meant to end. */
const longMs = 30 * 60_000

export const interceptors = (): WorkflowInterceptors => ({
  outbound: [
    {
      startTimer(input, next) {
        const { durationMs } = input
        return next({ ...input, durationMs: durationMs < longMs ? durationMs / 100 : durationMs })
      },
      scheduleActivity(input, next) {
        const { options } = input
        return next({
          ...input,
          options: {
            ...options,
            startToCloseTimeout: longMs,
            ...(options.heartbeatTimeout !== undefined && { heartbeatTimeout: silentMs }),
          },
        })
      },
    },
  ],
})
