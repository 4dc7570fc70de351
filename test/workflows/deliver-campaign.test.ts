import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { cancelUpdate, pauseUpdate, resumeUpdate } from '../../workflows/messages.ts'
import { startDelivery, startTemporal } from './temporal-server.ts'

const who = { by: 'an operator', why: 'a test' }

describe('deliverCampaign', () => {
  let env: TestWorkflowEnvironment
  const bundlePath = inject('bundlePath')
  beforeAll(async () => {
    env = await startTemporal(inject('temporalCli'))
  })
  afterAll(() => env.teardown())

  test('sends every batch of both lanes once and ends done', async () => {
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 3, push: 2 },
      batchesPerPage: 4,
    })
    expect(await run.handle.result()).toMatchObject({
      state: 'done',
      account: { planned: 20, accepted: 20 },
    })
    expect(run.delivery.sent).toHaveLength(20)
    expect(run.delivery.recordedPages).toHaveLength(5)
    expect(run.delivery.phases).toEqual(['freezing', 'sending', 'reconciling'])
  })

  test('ends before it sends where the segment is refused', async () => {
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 1, push: 0 },
      batchesPerPage: 1,
      refuseFreeze: 'The segment has no rows.',
    })
    expect(await run.handle.result()).toEqual({ state: 'failed before send', account: null })
    expect(run.delivery.ended).toEqual({
      state: 'failed before send',
      reason: 'The segment has no rows.',
    })
  })

  test('a paused delivery sends nothing until it is resumed, and then everything once', async () => {
    let release = () => {}
    const mayGoOn = new Promise<void>((resolve) => (release = resolve))
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 2, push: 0 },
      batchesPerPage: 8,
      onSend: async (_input, n) => {
        if (n === 5) await mayGoOn
        return undefined
      },
    })
    await vi.waitFor(() => expect(run.delivery.sent.length).toBeGreaterThan(2), { timeout: 60_000 })
    const paused = await run.handle.executeUpdate(pauseUpdate, { args: [who] })
    expect(paused).toMatchObject({ state: 'paused', gate: { position: 'paused', ...who } })
    release()
    const resumed = await run.handle.executeUpdate(resumeUpdate, { args: [who] })
    expect(resumed).toMatchObject({ state: 'sending', gate: { position: 'open' } })
    expect(await run.handle.result()).toMatchObject({ state: 'done' })
    const numbers = run.delivery.sent.map(({ batchNo }) => batchNo).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: 16 }, (_, i) => i))
  })

  test('a gate that was moved in the store while Temporal was away holds the delivery as well', async () => {
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 1, push: 0 },
      batchesPerPage: 30,
      onSend: async (_input, n) => {
        if (n === 12) run.delivery.gate = { position: 'paused', seq: 1, by: 'x', why: 'y' }
        return undefined
      },
    })
    const described = async () => (await run.handle.describe()).searchAttributes.LfmState
    await vi.waitFor(async () => expect(await described()).toEqual(['paused']), {
      timeout: 60_000,
      interval: 100,
    })
    await run.handle.executeUpdate(resumeUpdate, { args: [who] })
    expect(await run.handle.result()).toMatchObject({ state: 'done', account: { accepted: 30 } })
  })

  test('a cancelled delivery closes its ledger, makes its account and says who cancelled', async () => {
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 3, push: 3 },
      batchesPerPage: 10,
      onSend: async (_input, n) => {
        if (n === 8) run.delivery.gate = { position: 'cancelled', seq: 1, ...who }
        return undefined
      },
    })
    expect(await run.handle.result()).toMatchObject({ state: 'cancelled during send' })
    expect(run.delivery.closedBecause).toBe('Cancelled: a test')
    expect(run.delivery.sent.length).toBeLessThan(60)
  })

  test('a cancelled delivery is never opened again', async () => {
    let release = () => {}
    const mayGoOn = new Promise<void>((resolve) => (release = resolve))
    let going = 0
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 1, push: 0 },
      batchesPerPage: 2,
      onSend: async () => {
        going += 1
        await mayGoOn
        return undefined
      },
    })
    // One that is under way keeps the cancelled delivery from its end.
    await vi.waitFor(() => expect(going).toBeGreaterThan(0), { timeout: 60_000 })
    await run.handle.executeUpdate(cancelUpdate, { args: [who] })
    const answer = await run.handle.executeUpdate(resumeUpdate, { args: [who] })
    expect(answer.state).toBe('cancelling')
    release()
    expect(await run.handle.result()).toMatchObject({ state: 'cancelled during send' })
  })

  test("Temporal's own cancel makes the account as well", async () => {
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 2, push: 0 },
      batchesPerPage: 20,
      onSend: async (_input, n) => {
        if (n === 5) await run.handle.cancel()
        return undefined
      },
    })
    expect(await run.handle.result()).toMatchObject({ state: 'cancelled during send' })
    expect(run.delivery.gate).toMatchObject({ position: 'cancelled', by: 'Temporal' })
  })

  test('continues as new with its whole state, pause and all', async () => {
    let release = () => {}
    const mayGoOn = new Promise<void>((resolve) => (release = resolve))
    await using run = await startDelivery(
      env,
      bundlePath,
      {
        pages: { multicast: 9, push: 4 },
        batchesPerPage: 2,
        onSend: async (_input, n) => {
          if (n === 9) await mayGoOn
          return undefined
        },
      },
      { pagesPerRun: 3 },
    )
    await vi.waitFor(() => expect(run.delivery.sent.length).toBeGreaterThan(5), { timeout: 60_000 })
    await run.handle.executeUpdate(pauseUpdate, { args: [who] })
    release()
    await run.handle.executeUpdate(resumeUpdate, { args: [who] })
    expect(await run.handle.result()).toMatchObject({ state: 'done', account: { accepted: 26 } })
    expect(run.delivery.sent).toHaveLength(26)
    const { raw } = await run.handle.describe()
    expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(
      raw.workflowExecutionInfo?.execution?.runId,
    )
  })

  test('a cancel that only the store knows of is heard when the last page has ended', async () => {
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 2, push: 0 },
      batchesPerPage: 1,
      onSend: async (_input, n) => {
        if (n === 2) run.delivery.gate = { position: 'cancelled', seq: 1, ...who }
        return undefined
      },
    })
    expect(await run.handle.result()).toMatchObject({ state: 'cancelled during send' })
    expect(run.delivery.closedBecause).toBe('Cancelled: a test')
  })

  test('a page that is terminated in Temporal pauses the delivery, and goes on when resumed', async () => {
    let release = () => {}
    const mayGoOn = new Promise<void>((resolve) => (release = resolve))
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 1, push: 0 },
      batchesPerPage: 3,
      onSend: async (_input, n) => {
        if (n === 3) await mayGoOn
        return undefined
      },
    })
    await vi.waitFor(() => expect(run.delivery.sent).toHaveLength(2), { timeout: 60_000 })
    await env.client.workflow
      .getHandle(`${run.handle.workflowId}/multicast/0-0`)
      .terminate('a test')
    await vi.waitFor(() => expect(run.delivery.gate.position).toBe('paused'), { timeout: 60_000 })
    release()
    await run.handle.executeUpdate(resumeUpdate, { args: [who] })
    expect(await run.handle.result()).toMatchObject({ state: 'done', account: { accepted: 3 } })
  })

  test('an order to resume that is older than the last pause opens nothing', async () => {
    let release = () => {}
    const mayGoOn = new Promise<void>((resolve) => (release = resolve))
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 1, push: 0 },
      batchesPerPage: 2,
      onSend: async () => {
        await mayGoOn
        return undefined
      },
    })
    const paused = await run.handle.executeUpdate(pauseUpdate, { args: [who] })
    // Another pause has been answered since; it gave the gate a new number.
    run.delivery.gate = { ...run.delivery.gate, seq: paused.gate.seq + 1 }
    const late = { ...who, seq: paused.gate.seq }
    const answer = await run.handle.executeUpdate(resumeUpdate, { args: [late] })
    expect(answer.state).toBe('paused')
    release()
    await run.handle.executeUpdate(cancelUpdate, { args: [who] })
    await run.handle.result()
  })

  test('what is unresolved is tried again in a round after the last page', async () => {
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 2, push: 0 },
      batchesPerPage: 3,
      unresolvedInRoundZero: 2,
    })
    expect(await run.handle.result()).toMatchObject({ state: 'done' })
    const again = run.delivery.sent.filter(({ round }) => round === 1)
    expect(new Set(again.map(({ batchNo }) => batchNo))).toEqual(new Set([0, 1]))
    expect(run.delivery.recordedPages).toContain('multicast/1-0')
  })

  test('pauses for a person where the monthly quota has no room', async () => {
    await using run = await startDelivery(env, bundlePath, {
      pages: { multicast: 1, push: 0 },
      batchesPerPage: 1,
      quotaProblem: 'The quota leaves 3 messages.',
    })
    await vi.waitFor(() => expect(run.delivery.gate.position).toBe('paused'), { timeout: 60_000 })
    expect(run.delivery.gate.why).toBe('The quota leaves 3 messages.')
    expect(run.delivery.sent).toEqual([])
    await run.handle.executeUpdate(resumeUpdate, { args: [who] })
    expect(await run.handle.result()).toMatchObject({ state: 'done' })
  })
})
