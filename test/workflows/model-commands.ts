// What may happen to a delivery in the model test; each is done to the real one and to the model.
import fc, { type AsyncCommand } from 'fast-check'
import { expect, vi } from 'vitest'
import { cancelUpdate, pauseUpdate, resumeUpdate } from '../../workflows/messages.ts'
import { type DeliveryModel, type ModelAnswer, type Operation } from './delivery-model.ts'
import { type ModelRun } from './model-run.ts'

/** For what never comes: one workflow task that is lost costs 10 s, and a step may take several tasks. */
const patienceMs = 60_000
const lookEveryMs = 10
const updates = { pause: pauseUpdate, resume: resumeUpdate, cancel: cancelUpdate }
const why = 'a test'

type Command = AsyncCommand<DeliveryModel, ModelRun>

/** Waits until the delivery is as the model says, and fails with both where it never is. */
export async function expectAsModel(model: DeliveryModel, real: ModelRun): Promise<void> {
  const expected = {
    underWay: model.underWay(),
    sends: model.sends,
    gate: [model.store.position, model.store.seq],
    done: [...model.done].sort(),
    unresolved: [...model.unresolved].sort(),
    ended: model.isOver() ? model.phase : undefined,
    shown: [model.shown()],
  }
  await vi.waitFor(
    async () => {
      const { gate, ended } = real.delivery
      const inMemory = {
        underWay: real.underWay(),
        sends: real.sends(),
        gate: [gate.position, gate.seq],
        done: [...real.done].sort(),
        unresolved: [...real.unresolved].sort(),
        ended: ended?.state,
      }
      expect({ ...inMemory, shown: expected.shown }).toEqual(expected)
      // Asked only when the rest is right, for it costs a call.
      expect({ ...inMemory, shown: [await real.shown()] }).toEqual(expected)
    },
    { timeout: patienceMs, interval: lookEveryMs },
  )
}

function command(
  name: string,
  check: (model: Readonly<DeliveryModel>) => boolean,
  run: (model: DeliveryModel, real: ModelRun) => Promise<void>,
): Command {
  return {
    check: (model) => !model.isOver() && check(model),
    async run(model, real) {
      await run(model, real)
      await expectAsModel(model, real)
    },
    toString: () => name,
  }
}

/** Whether an answer says something of its own where this activity gives it. */
function fits(name: string, answer: ModelAnswer): boolean {
  if (answer === 'well' || answer === 'fails') return true
  if (answer === 'badly') return ['freezeAudience', 'checkQuota', 'reconcile'].includes(name)
  if (answer === 'late') return name === 'planRound'
  return name.includes('/')
}

/** An activity that is under way ends as said, or well where it can't end so. */
export function answer(index: number, wanted: ModelAnswer): Command {
  return command(
    `answer(${index}, ${wanted})`,
    (model) => model.underWay().length > 0,
    async (model, real) => {
      const names = model.underWay()
      const name = names[index % names.length] ?? ''
      const how = fits(name, wanted) ? wanted : 'well'
      real.answer(name, how)
      model.answer(name, how)
    },
  )
}

/** How an operator's order gives the gate's number, which only the API knows. */
type Seen = 'no number' | 'as it is' | 'as it was'

/** The number for an order; an API that pauses or cancels moves the gate in the store before. */
function seqFor(model: DeliveryModel, real: ModelRun, operation: Operation, seen: Seen) {
  if (seen === 'no number') return undefined
  if (operation === 'resume') return model.store.seq - (seen === 'as it was' ? 1 : 0)
  moveInStore(model, real, operation === 'pause' ? 'paused' : 'cancelled')
  return model.store.seq
}

function moveInStore(model: DeliveryModel, real: ModelRun, to: 'paused' | 'cancelled'): void {
  model.moveInStore(to, 'an API', why)
  real.delivery.gate = model.store
}

async function giveOrder(
  model: DeliveryModel,
  real: ModelRun,
  operation: Operation,
  seen: Seen,
  isTold: Promise<void> = Promise.resolve(),
): Promise<void> {
  const seq = seqFor(model, real, operation, seen)
  const request = { by: 'an operator', why, ...(seq !== undefined && { seq }) }
  const answered = real.handle.executeUpdate(updates[operation], { args: [request] })
  await isTold
  const expected = model.order(operation, 'an operator', seq)
  const { state, gate } = await answered
  expect({ state, position: gate.position, seq: gate.seq }).toEqual({
    state: expected.state,
    position: expected.gate.position,
    seq: expected.gate.seq,
  })
}

export const order = (operation: Operation, seen: Seen) =>
  command(
    `${operation}(${seen})`,
    () => true,
    (model, real) => giveOrder(model, real, operation, seen),
  )

/** As the API does while Temporal is away. */
const moveSilently = (to: 'paused' | 'cancelled') =>
  command(
    `${to} in the store`,
    () => true,
    async (model, real) => moveInStore(model, real, to),
  )

const kill = (which: 'delivery' | 'lanes') =>
  command(
    `kill(${which})`,
    () => true,
    async (model, real) => {
      await real.kill(which)
      if (which === 'lanes') model.killLanes()
    },
  )

/** An order that Temporal takes while there is no worker to hear of it. */
const orderWithoutWorker = (operation: Operation) =>
  command(
    `${operation} without a worker`,
    () => true,
    async (model, real) => {
      let isThere = () => {}
      const worker = new Promise<void>((resolve) => (isThere = resolve))
      let ordered: Promise<void> | undefined
      await real.kill('delivery', () => {
        ordered = giveOrder(model, real, operation, 'no number', worker)
      })
      isThere()
      await ordered
    },
  )

const terminatePage = (index: number) =>
  command(
    `terminatePage(${index})`,
    (model) => model.pages.length > 0,
    async (model, real) => {
      const page = model.pages[index % model.pages.length]
      if (!page) return
      await real.terminatePage(page.lane, model.round, page.pageNo, page.sending)
      model.terminate(page)
    },
  )

const cancelPage = (index: number) =>
  command(
    `cancelPage(${index})`,
    (model) => model.pages.length > 0,
    async (model, real) => {
      const page = model.pages[index % model.pages.length]
      if (!page) return
      await real.cancelPage(page.lane, model.round, page.pageNo)
      model.terminate(page)
    },
  )

const cancelInTemporal = command(
  'cancel in Temporal',
  () => true,
  async (model, real) => {
    await real.handle.cancel()
    model.order('cancel', 'Temporal')
  },
)

const index = fc.nat({ max: 11 })
const seen = fc.constantFrom<Seen>('no number', 'as it is', 'as it was')
const usual = fc.constantFrom<ModelAnswer>('well', 'well', 'well', 'unresolved', 'again')
const unusual = fc.constantFrom<ModelAnswer>('fails', 'badly', 'stopped', 'held', 'late')

/** Sequences of what may happen; cancels are rare, for little follows them. */
export const commands = fc.commands(
  [
    fc.tuple(index, usual).map(([i, how]) => answer(i, how)),
    fc.tuple(index, usual).map(([i, how]) => answer(i, how)),
    fc.tuple(index, usual).map(([i, how]) => answer(i, how)),
    fc.tuple(index, unusual).map(([i, how]) => answer(i, how)),
    fc.tuple(fc.constantFrom<Operation>('pause', 'resume'), seen).map((of) => order(...of)),
    fc.tuple(fc.constantFrom<Operation>('resume', 'pause'), seen).map((of) => order(...of)),
    fc.constant(moveSilently('paused')),
    fc.oneof(fc.constantFrom<'delivery' | 'lanes'>('delivery', 'lanes').map(kill)),
    fc.constantFrom<Operation>('pause', 'resume').map(orderWithoutWorker),
    index.map(terminatePage),
    index.map(cancelPage),
    fc.oneof(
      { weight: 3, arbitrary: index.map((i) => answer(i, 'well')) },
      { weight: 1, arbitrary: seen.map((of) => order('cancel', of)) },
      { weight: 1, arbitrary: fc.constant(cancelInTemporal) },
      { weight: 1, arbitrary: fc.constant(orderWithoutWorker('cancel')) },
      { weight: 1, arbitrary: fc.constant(moveSilently('cancelled')) },
    ),
  ],
  { maxCommands: 18, size: 'max' },
)

/** Brings a delivery to its end, as an operator and well-behaved parts would. */
export async function bringToItsEnd(model: DeliveryModel, real: ModelRun): Promise<void> {
  while (!model.isOver()) {
    const next =
      model.store.position === 'paused'
        ? order('resume', 'as it is')
        : model.underWay().length > 0
          ? answer(0, 'well')
          : order('cancel', 'as it is')
    await next.run(model, real)
  }
}
