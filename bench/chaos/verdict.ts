// Judges a run: the account against the plan's expectations and against what the simulated LINE received.
import { type Client } from '../../cli/client.ts'
import { type Delivery } from '../deliveries.ts'
import { type Expected } from './audience.ts'
import { type ChaosSystem } from './system.ts'

type Outcome = 'accepted' | 'rejected' | 'unknown' | 'skipped' | 'unsent'

export interface Findings {
  account: Record<Outcome | 'planned', number> | null
  /** Accepted by the account, but in no accepted call. */
  lost: number | null
  /** In two or more accepted calls. */
  doubled: number | null
  unknown: number | null
  violations: Record<string, number>
  /** One sentence for each expectation that was not met. */
  failures: string[]
}

/** Going over a rate loses nothing, and LINE answers it with a 429. */
const harmlessKind = 'rate-exceeded'

/**
 * Violations that could do harm. A key with another body does none where its call names nobody: that is how the
 * product asks LINE for its order of checks (docs/decisions/0014).
 */
async function harmful({ line }: ChaosSystem): Promise<Record<string, number>> {
  const { byKind, violations } = await line.violations()
  const calls = new Map((await line.sendsSince(0)).map((call) => [call.requestId, call]))
  const counts = { ...byKind }
  delete counts[harmlessKind]
  for (const { kind, requestId } of violations) {
    const call = calls.get(requestId)
    if (kind !== 'retry-key-other-body' || !call || call.accepted || call.recipients !== 1) continue
    counts[kind] = (counts[kind] ?? 0) - 1
    if (counts[kind] === 0) delete counts[kind]
  }
  return counts
}

async function idsOf(client: Client, id: string, outcome: Outcome): Promise<string[]> {
  const csv = await client.stream('getRecipients', { params: { id }, query: { outcome } })
  const [, ...ids] = (await new Response(csv).text()).trimEnd().split('\n')
  return ids.filter((line) => line !== '').toSorted()
}

interface Comparison {
  once: number
  twice: number
  never: number
  unlisted: number
}

/** How often these users were in accepted calls of the delivery. */
async function compare(system: ChaosSystem, ids: string[]): Promise<Comparison> {
  const res = await fetch(`${system.embedded.addresses.line}/_sim/compare?unit=${system.unit}`, {
    method: 'POST',
    body: ids.join('\n'),
  })
  if (!res.ok) throw new Error(`The simulator compares nothing: ${await res.text()}`)
  return (await res.json()) as Comparison
}

const sameIds = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((id, i) => id === other[i])

/** Nothing of it is thrown: what is wrong stands in `failures`. */
export async function judgeRun(
  system: ChaosSystem,
  delivery: Delivery,
  expected: Expected,
): Promise<Findings> {
  const { client } = system
  const { account, id } = delivery
  const failures: string[] = []
  const { byKind: violations } = await system.line.violations()
  for (const [kind, count] of Object.entries(await harmful(system)))
    failures.push(`The simulator noted ${count} x ${kind}.`)
  if (!account) {
    failures.push(`The delivery ended ${delivery.state} without an account.`)
    return { account: null, lost: null, doubled: null, unknown: null, violations, failures }
  }
  const { planned, accepted, rejected, unknown, skipped, unsent } = account
  const terms = { planned, accepted, rejected, unknown, skipped, unsent }
  if (planned !== accepted + rejected + unknown + skipped + unsent)
    failures.push('The account does not add up.')
  if (planned !== expected.planned)
    failures.push(`Planned are ${planned} recipients and not ${expected.planned}.`)
  const { malformed, duplicates } = delivery.plan?.audience ?? {}
  if (malformed !== expected.malformed || duplicates !== expected.duplicates)
    failures.push(`Counted are ${malformed} malformed ids and ${duplicates} duplicates.`)
  if (unsent !== 0 && !expected.isCancelled) failures.push(`${unsent} recipients are unsent.`)
  if (unknown < expected.unknown.from || unknown > expected.unknown.to)
    failures.push(
      `${unknown} recipients are unknown, and the plan foresees ${expected.unknown.from} to ${expected.unknown.to}.`,
    )
  const undecided = new Set([
    ...(await idsOf(client, id, 'unknown')),
    ...(expected.isCancelled ? await idsOf(client, id, 'unsent') : []),
  ])
  for (const outcome of ['rejected', 'skipped'] as const) {
    const found = await idsOf(client, id, outcome)
    if (
      !sameIds(
        found,
        expected[outcome].filter((user) => !undecided.has(user)),
      )
    )
      failures.push(
        `${found.length} recipients are ${outcome}, and not exactly the ${expected[outcome].length} that the plan foresees.`,
      )
  }
  const all = await idsOf(client, id, 'accepted')
  if (all.length !== accepted)
    failures.push(`${accepted} recipients are accepted, but ${all.length} are listed.`)
  const unseen = new Set(expected.acceptedUnseen)
  const listed = all.filter((user) => !unseen.has(user))
  const { once, twice, never, unlisted } = await compare(system, listed)
  if (never > 0) failures.push(`${never} recipients are lost: accepted, but in no accepted call.`)
  if (once + twice + never !== listed.length) failures.push('The list of the accepted repeats ids.')
  if (unlisted > unknown)
    failures.push(`${unlisted} users were reached who are not listed as accepted.`)
  const unsentButReached = await compare(system, await idsOf(client, id, 'unsent'))
  if (unsentButReached.once + unsentButReached.twice > 0)
    failures.push(
      `${unsentButReached.once + unsentButReached.twice} recipients were reached who are unsent.`,
    )
  const doubled = twice + (await doubledUnlisted(system, id))
  if (doubled > 0) failures.push(`${doubled} recipients were reached twice.`)
  return { account: terms, lost: never, doubled, unknown, violations, failures }
}

/** Who has no `accepted` can have been reached twice as well. */
async function doubledUnlisted(system: ChaosSystem, id: string): Promise<number> {
  let doubled = 0
  for (const outcome of ['rejected', 'unknown', 'unsent'] as const) {
    const ids = await idsOf(system.client, id, outcome)
    if (ids.length > 0) doubled += (await compare(system, ids)).twice
  }
  return doubled
}
