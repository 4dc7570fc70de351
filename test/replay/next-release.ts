// Bundled beside the workflows, it makes a release of tomorrow: one more wait before the account, behind a patch.
import { patched, sleep, type WorkflowInterceptors } from '@temporalio/workflow'

export const interceptors = (): WorkflowInterceptors => ({
  outbound: [
    {
      async scheduleActivity(input, next) {
        if (input.activityType === 'reconcile' && patched('wait-before-the-account'))
          await sleep(10)
        return next(input)
      },
    },
  ],
})
