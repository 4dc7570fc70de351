// Hundreds of orders at once, while the delivery continues as new again and again.
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, describe, expect, inject, onTestFailed, test, vi } from 'vitest'
import { resumeMs } from '../../api/operate-delivery.ts'
import { type Gate } from '../../domain/delivery.ts'
import {
  createDeliveryWorkflows,
  type DeliveryWorkflows,
  type Operation,
} from '../../api/temporal.ts'
import { type OperatorAnswer, type OperatorRequest } from '../../workflows/messages.ts'
import { startDelivery, startTemporal } from './temporal-server.ts'

const orders = 200
/** More than the 10 that Temporal takes of one workflow. */
const ordersAtOnce = 14
const batches = { pages: { multicast: 10, push: 6 }, batchesPerPage: 4 }
const all = 64

/** An order, the number of the gate when it was given, and its answer. */
interface Given {
  operation: 'pause' | 'resume'
  by: string
  seqBefore: number
  /** None where it was pending when nobody waited any longer. */
  answer: OperatorAnswer | undefined
}

/** Numbers from 0 to 1, the same for a seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('a storm of orders', () => {
  let env: TestWorkflowEnvironment
  let workflows: DeliveryWorkflows
  beforeAll(async () => {
    env = await startTemporal(inject('temporalCli'))
    workflows = createDeliveryWorkflows({
      connection: { address: env.address },
      namespace: 'default',
      identity: 'a test',
    })
  })
  afterAll(async () => {
    await workflows.close()
    await env.teardown()
  })

  /** A delivery whose last page waits for the storm's end, and 200 orders to it. */
  async function storm(lastWord: 'resume' | 'cancel') {
    const seed = Math.floor(Math.random() * 2 ** 31)
    onTestFailed(() => console.error(`The storm's seed was ${seed}.`))
    const random = createRandom(seed)
    let endStorm = () => {}
    const isOver = new Promise<void>((resolve) => (endStorm = resolve))
    const options = {
      ...batches,
      onSend: async ({ lane, batchNo }: { lane: string; batchNo: number }) => {
        // The last batch of the last page: without it the delivery would end in the storm.
        if (lane === 'multicast' && batchNo === 39) await isOver
        return undefined
      },
    }
    await using run = await startDelivery(
      env,
      inject('bundlePath'),
      options,
      { pagesPerRun: 2 },
      100,
    )
    const { delivery, handle } = run
    const deliveryId = handle.workflowId.replace('delivery/', '')

    /** The answer, where there was one in time. */
    async function order(operation: Operation, request: OperatorRequest) {
      const told = await workflows.tell(deliveryId, operation, request, resumeMs)
      if (told.kind !== 'told' && told.kind !== 'pending')
        throw new Error(`The order to ${operation} is ${told.kind}.`)
      return told.kind === 'told' ? told.answer : undefined
    }

    async function give(n: number): Promise<Given> {
      const operation = random() < 0.4 ? 'pause' : 'resume'
      const by = `operator ${n}`
      const request = { by, why: 'a storm' }
      const seqBefore = delivery.gate.seq
      if (random() < 0.5)
        return { operation, by, seqBefore, answer: await order(operation, request) }
      // As an API does it: a pause is in the store first, a resume tells what was seen.
      const seq = operation === 'pause' ? delivery.move('paused', request).seq : seqBefore
      return { operation, by, seqBefore, answer: await order(operation, { ...request, seq }) }
    }

    const given: Given[] = []
    let next = 0
    const operator = async () => {
      while (next < orders) given.push(await give(next++))
    }
    await Promise.all(Array.from({ length: ordersAtOnce }, operator))
    const who = { by: 'the last operator', why: 'the last word' }
    const last = await vi.waitUntil(() => order(lastWord, who), { timeout: 60_000 })
    endStorm()
    const ended = handle.result()
    // What was left pending may be carried out late, as any order may.
    const late = setInterval(() => {
      const isPaused = lastWord === 'resume' && delivery.gate.position === 'paused'
      // One that finds the delivery ended is too late, and not wrong.
      if (isPaused) order('resume', who).catch(() => undefined)
    }, 1_000)
    const result = await ended.finally(() => clearInterval(late))
    const { raw } = await handle.describe()
    const isContinued =
      raw.workflowExecutionInfo?.firstRunId !== raw.workflowExecutionInfo?.execution?.runId
    return { delivery, given, last, result, isContinued }
  }

  /** Every answer names a gate that the store had, no older than when the order was given. */
  function expectTrue(given: readonly Given[], gates: readonly Gate[]): void {
    const gateOf = new Map([
      [0, { position: 'open', seq: 0 }],
      ...gates.map((g) => [g.seq, g] as const),
    ])
    expect(given).toHaveLength(orders)
    const answered = given.flatMap(({ answer, ...rest }) => (answer ? { ...rest, answer } : []))
    expect(answered.length).toBeGreaterThan(orders / 2)
    for (const { operation, by, seqBefore, answer } of answered) {
      const { gate, state } = answer
      expect(gate).toEqual(gateOf.get(gate.seq))
      expect(gate.seq).toBeGreaterThanOrEqual(seqBefore)
      expect(state === 'paused').toBe(gate.position === 'paused')
      if (gate.by === by) expect(gate.position).toBe(operation === 'pause' ? 'paused' : 'open')
    }
    // Numbers without a gap, and no move to where the gate stood already.
    expect(gates.map((gate) => gate.seq)).toEqual(gates.map((_, i) => i + 1))
    for (const [i, gate] of gates.entries())
      expect(gate.position).not.toBe(i === 0 ? 'open' : gates[i - 1]?.position)
    const moved = answered.filter(({ answer, by }) => answer.gate.by === by)
    expect(moved.length).toBeGreaterThan(10)
  }

  test('has only true answers across continue-as-new, and everybody is sent to once when it is over', async () => {
    const { delivery, given, result, isContinued } = await storm('resume')
    expectTrue(given, delivery.gates)
    expect(isContinued).toBe(true)
    expect(result).toMatchObject({ state: 'done', account: { accepted: all } })
    const sent = delivery.sent.map(({ lane, batchNo }) => `${lane}/${batchNo}`)
    expect(new Set(sent).size).toBe(all)
    expect(sent).toHaveLength(all)
    expect(delivery.recordedPages).toHaveLength(16)
  })

  test('that ends in a cancel ends the delivery cancelled', async () => {
    const { delivery, given, last, result } = await storm('cancel')
    expectTrue(given, delivery.gates.slice(0, -1))
    expect(last).toMatchObject({ state: 'cancelling', gate: { position: 'cancelled' } })
    expect(result.state).toBe('cancelled during send')
    expect(delivery.gate).toEqual(last.gate)
    expect(delivery.closedBecause).toBe('Cancelled: the last word')
  })
})
