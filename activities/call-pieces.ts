// Calls LINE for the open pieces of a batch, under permits, and merges the answers into the ledger.
import { setTimeout as sleep } from 'node:timers/promises'
import { type LedgerRecord, type Piece, pieceName } from '../domain/ledger.ts'
import { afterAnswer } from './after-answer.ts'
import { createAskPermit, type GrantedPermit, permitLifetimeMs } from './ask-permit.ts'
import { type BatchBook } from './batch-book.ts'
import { createFindCircumstances } from './circumstances.ts'
import { type DeliveryContext } from './delivery-context.ts'
import { type LanePace, mostLateMs } from './lane-pace.ts'
import { withLiveKey } from './live-key.ts'
import { type FindOrder } from './order-of-checks.ts'
import { type InTurn } from './permit-queue.ts'
import { type ActivityDeps, type MakeRetryKey } from './ports.ts'
import { type RenderedBatch } from './rendered-batch.ts'
import { type SendBatchInput, type SendBatchResult } from './send-batch.ts'
import { watchSplits } from './split-budget.ts'
import { type NoteThrottle } from './throttle-notes.ts'
import { type WirePlaces } from './wire-places.ts'

/** Most of a lane's rate that one permit covers, in seconds; delivery-protocol 6. */
const permitCoversSeconds = 0.5
/** Longest sleep between looks at whether to stop. */
const napMs = 250
/** Calls are started in small groups, for a timer for each of 2,000 calls a second costs more than it smooths. */
const paceMs = 5

export interface CallPiecesOptions extends Pick<
  ActivityDeps,
  'line' | 'now' | 'draining' | 'mergeEveryMs'
> {
  store: Pick<ActivityDeps['store'], 'ledger' | 'deliveries'>
  retryKey: MakeRetryKey
  inTurn: InTurn
  pace: LanePace
  places: WirePlaces
  noteThrottle: NoteThrottle
  findOrder: FindOrder
  input: SendBatchInput
  context: DeliveryContext
  batch: RenderedBatch
  book: BatchBook
  attemptNo: number
  steadyNow: () => number
  /** By the steady clock: no call starts later. */
  stopBy: number
  /** Temporal has given the activity to somebody else, or nobody wants it any more. */
  cancelled: AbortSignal
}

const asError = (thrown: unknown) => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** What a call has to know of its permit; it may start until `endsAt`, by the steady clock. */
interface Spending {
  endsAt: number
  gateSeq: number
  lowerings: number
}

type Stop = Exclude<SendBatchResult, { kind: 'finished' }> | { kind: 'finished' }

/** Works until nothing is open, or something stops it; every answer is in the ledger when it resolves. */
export async function callPieces(options: CallPiecesOptions): Promise<Stop> {
  const { store, line, input, context, batch, book, now, steadyNow } = options
  const { deliveryId, lane, batchNo, lineChannelId } = input
  const { ledger } = store
  const laneName = `${lineChannelId}/${lane}`
  const channel = { lineChannelId, channelSecret: context.channelSecret }
  const inFlight = new Set<Promise<void>>()
  const splits = watchSplits(ledger, {
    deliveryId,
    lane,
    laneRequests: context.plan.requests[lane],
  })
  let pauseBecause: string | undefined
  let callsPerSecond = context.channel.callsPerSecond[lane]
  let merging: Promise<void> = Promise.resolve()
  let failure: Error | undefined
  let wake = () => {}

  const mustStop = () =>
    options.draining.aborted ||
    options.cancelled.aborted ||
    pauseBecause !== undefined ||
    failure !== undefined

  const askForPermit = createAskPermit({
    ...options,
    ledger,
    batch: input,
    priority: context.delivery.priority,
    deadlineMs: line.deadlineMs,
    isEnough: () => mustStop() || steadyNow() > options.stopBy,
  })

  /** One merge at a time, so that an older state of a record never lands on top of a newer one. */
  function merge(): Promise<void> {
    merging = merging.then(async () => {
      const changes = book.takeChanges()
      if (Object.keys(changes).length === 0) return
      try {
        await ledger.merge({ deliveryId, lane, batchNo, attemptNo: options.attemptNo }, changes)
      } catch (error) {
        book.putBack(changes)
        throw error
      }
    })
    return merging
  }

  const findCircumstances = createFindCircumstances({
    ...options,
    ledger,
    channel,
    askForPermit,
    mustStop,
  })

  async function call(piece: Piece, record: LedgerRecord, under: Spending): Promise<void> {
    const request = batch.requests.get(piece.requestNo)
    if (!request || request.messagesJson === null)
      throw new Error(`Request ${lane}/${piece.requestNo} has no rendered messages.`)
    const called: LedgerRecord = {
      ...record,
      calls: (record.calls ?? 0) + 1,
      firstCallAt: record.firstCallAt ?? new Date(now()).toISOString(),
    }
    const sending = line.send({
      channel,
      lane,
      to: request.userIds.slice(piece.fromOrdinal, piece.toOrdinal),
      startBy: performance.now() + under.endsAt - steadyNow(),
      messagesJson: request.messagesJson,
      notificationDisabled: context.notificationDisabled,
      aggregationUnit: context.delivery.aggregationUnit,
      retryKey: options.retryKey({
        deliveryId,
        lane,
        requestNo: piece.requestNo,
        ...(piece.isSplit && { fromOrdinal: piece.fromOrdinal, toOrdinal: piece.toOrdinal }),
        generation: record.generation,
      }),
    })
    const answer = await sending.catch((error: unknown) => {
      // Whatever broke, the call may have gone out.
      const at = new Date(now()).toISOString()
      const inDoubt: LedgerRecord = { ...called, state: 'in-doubt', everInDoubt: true, at }
      book.change({ [pieceName(piece)]: inDoubt })
      throw error
    })
    const at = new Date(now()).toISOString()
    const answered = { piece, record: called, answer, at, gateSeq: under.gateSeq }
    const circumstances = await findCircumstances(answered, request.messagesJson)
    const { changes, next } = afterAnswer(answered, line.deadlineMs, circumstances)
    book.change(changes)
    // Only of a piece's first call in a round: a user at LINE's limit is refused again and again while all others pass.
    if (answer.kind === 'throttled' && called.calls === 1)
      options.noteThrottle(lineChannelId, lane, under.lowerings)
    switch (next.kind) {
      case 'done':
        return
      case 'again':
        book.put(piece, steadyNow() + next.afterMs)
        return
      case 'split':
        // The split is on record before a part is called, or a re-run could send whole and part.
        await merge()
        if ('reason' in answer)
          pauseBecause ??= await splits.overspent(piece.requestNo, book.records(), answer.reason)
        // Later than any permit that is on its way: to a superseded attempt that one would let call parts of a split
        // that is not on record.
        for (const part of next.parts) book.put(part, steadyNow() + 1)
        return
      case 'pause':
        pauseBecause ??= next.why
    }
  }

  function start(piece: Piece, record: LedgerRecord, under: Spending): void {
    const running = call(piece, record, under)
      .catch((error: unknown) => {
        failure ??= asError(error)
      })
      .finally(() => {
        inFlight.delete(running)
        options.places.give()
        if (inFlight.size === 0 || book.readyCount() > 0) wake()
      })
    inFlight.add(running)
    options.places.take()
  }

  /** Starts the permitted calls evenly over the time that they take at the lane's rate. */
  async function spend(permit: GrantedPermit): Promise<void> {
    // Counted from before the permit was asked for, so never longer than PostgreSQL counts it.
    const endsAt = Math.min(permit.askedAt + permit.startInMs + permitLifetimeMs, options.stopBy)
    // But started from the answer, or a slow answer would put the permit's calls over those before.
    const firstAt = permit.answeredAt + permit.startInMs
    const under = { endsAt, gateSeq: permit.gateSeq, lowerings: permit.lowerings }
    const isOver = () => mustStop() || steadyNow() > endsAt
    // As of when it was asked for: the permit is on record as one for these and for no request above them.
    const pieces = book.take(permit.calls, permit.askedAt)
    for (const [i, { piece, notBefore }] of pieces.entries()) {
      const dueAt = firstAt + (i * 1_000) / permit.callsPerSecond
      const isLate = () =>
        dueAt > endsAt || steadyNow() - dueAt > mostLateMs(lane, permit.callsPerSecond)
      while (!isOver() && !isLate()) {
        const waitMs = dueAt - steadyNow()
        const stillMs = waitMs > 0 ? waitMs : options.pace(laneName, permit.callsPerSecond)
        if (stillMs <= 0) break
        await sleep(Math.min(Math.max(stillMs, paceMs), napMs))
      }
      if (isOver() || isLate()) {
        book.put(piece, notBefore)
        continue
      }
      const { record, isCallable, isChanged } = withLiveKey(book.recordOf(piece), now())
      if (isChanged) book.change({ [pieceName(piece)]: record })
      if (!isCallable) continue
      if (!isChanged) {
        start(piece, record, under)
        continue
      }
      await merge()
      // A new generation is on record before its first call; not so that of a superseded attempt, and only a permit
      // that was asked for after the merge tells which of the two this one is.
      book.put(piece, steadyNow() + 1)
    }
  }

  async function untilStopped(): Promise<Stop> {
    for (;;) {
      if (mustStop() || steadyNow() > options.stopBy) return { kind: 'again' }
      const ready = book.readyCount()
      if (ready === 0) {
        const nextAt = book.nextReadyAt()
        if (nextAt === undefined && inFlight.size === 0) return { kind: 'finished' }
        const idle = Promise.withResolvers<void>()
        wake = idle.resolve
        const nap = sleep(Math.max(1, Math.min((nextAt ?? Infinity) - steadyNow(), napMs)))
        await Promise.race([nap, idle.promise])
        continue
      }
      const calls = Math.max(1, Math.min(ready, Math.floor(callsPerSecond * permitCoversSeconds)))
      const permit = await askForPermit(calls, book.belowRequest)
      switch (permit.answer) {
        case 'granted':
          callsPerSecond = permit.callsPerSecond
          await spend(permit)
          break
        case 'wait':
          break
        case 'held':
          return { kind: 'held', gate: permit.gate }
        case 'stopped':
          return { kind: 'stopped' }
        case 'superseded':
          return { kind: 'again' }
      }
    }
  }

  const merger = setInterval(() => {
    merge().catch((error: unknown) => {
      failure ??= asError(error)
    })
  }, options.mergeEveryMs)
  let stop: Stop
  try {
    // A first call would wait for it with all that are due meanwhile, and they would leave at once.
    await line.prepare(channel)
    // New generations: whoever is granted a permit after it has them on record.
    await merge()
    stop = await untilStopped()
  } finally {
    clearInterval(merger)
    // What is on the wire is waited for and recorded, whatever stopped the attempt.
    await Promise.all(inFlight)
    book.settle()
    await merging.catch(() => undefined)
    merging = Promise.resolve()
    await merge()
  }
  if (failure !== undefined) throw failure
  if (pauseBecause === undefined) return stop
  const moved = await store.deliveries.moveGate(deliveryId, 'paused', {
    by: 'LFM',
    why: pauseBecause,
    split: splits.spent(),
  })
  if (!moved) throw new Error(`There is no delivery ${deliveryId}.`)
  return { kind: 'held', gate: moved.delivery.gate }
}
