// What the activities of quiet deliveries fail with, asked of Temporal seldom however many people look.
import { type DeliveryWorkflows } from './temporal.ts'

/** So long one answer serves everybody who looks. */
const keptMs = 5_000

export interface SeenFailures {
  /** What its activities last failed with; none where Temporal can't say. */
  of(deliveryId: string): Promise<readonly string[]>
}

export function createSeenFailures(
  workflows: Pick<DeliveryWorkflows, 'failures'>,
  now: () => Date,
): SeenFailures {
  const seen = new Map<string, { at: number; failures: Promise<readonly string[]> }>()

  async function ask(deliveryId: string): Promise<readonly string[]> {
    // That Temporal is away, or has no such workflow, is found and said by others.
    const failures = await workflows.failures(deliveryId).catch(() => [])
    return failures === 'away' ? [] : failures
  }

  return {
    of(deliveryId) {
      const at = now().getTime()
      for (const [id, one] of seen) if (at - one.at > keptMs) seen.delete(id)
      const known = seen.get(deliveryId)
      if (known) return known.failures
      const failures = ask(deliveryId)
      seen.set(deliveryId, { at, failures })
      return failures
    },
  }
}
