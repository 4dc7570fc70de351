// One rendering that LINE refuses holds a delivery up once; a content that LINE refuses altogether always does.
import { expect, test } from 'vitest'
import { type LineAnswer } from '../../line/port.ts'
import { createMemoryLine } from './memory-ports.ts'
import { oneBatch } from './one-batch.ts'

const refusal: LineAnswer = { kind: 'content-refused', reason: 'no such emoji', lineRequestId: 'r' }
const noAnswer: LineAnswer = { kind: 'in-doubt', reason: '500', lineRequestId: null }

/** A batch of three, one of whom is answered as told; an operator resumes it until it ends, at most so often. */
async function resumed(
  answers: (n: number) => LineAnswer | 'ok' | 'lost',
  options: { others?: LineAnswer; orderAnswer?: LineAnswer; resumes?: number } = {},
) {
  let calls = 0
  const memory = createMemoryLine(({ to }) =>
    to.includes('U1-0') ? answers(++calls) : (options.others ?? 'ok'),
  )
  const line: typeof memory = {
    ...memory,
    async send(call) {
      // The question for LINE's order.
      if (call.to[0] === 'not-a-user-id' && options.orderAnswer) return options.orderAnswer
      return memory.send(call)
    },
  }
  const batch = oneBatch({ sizes: [1, 1, 1], line })
  let resumes = 0
  let result = await batch.run()
  while (result.kind !== 'finished' && resumes < (options.resumes ?? 5)) {
    batch.ledger.gate = { position: 'open', seq: batch.ledger.gate.seq + 1 }
    resumes += 1
    result = await batch.run()
  }
  return { batch, resumes, result }
}

test('a rendering that is refused again after a person resumed is rejected with the words of LINE', async () => {
  const { batch, resumes, result } = await resumed(() => refusal)
  expect({ resumes, result }).toMatchObject({ resumes: 1, result: { kind: 'finished' } })
  expect(batch.pauses).toEqual(['LINE refuses the content: no such emoji'])
  expect(batch.outcomes()).toEqual({ accepted: 2, rejected: 1 })
  expect(batch.ledger.records['1']).toMatchObject({ state: 'rejected', reason: 'no such emoji' })
})

test('a content of which LINE accepts nothing pauses the delivery each time', async () => {
  const { batch, resumes } = await resumed(() => refusal, { others: refusal, resumes: 3 })
  expect(resumes).toBe(3)
  expect(batch.pauses).toHaveLength(4)
  expect(batch.outcomes()).toEqual({ 'not-accepted': 3 })
})

test('a worker that dies between the refusal and the pause makes no outcome of it', async () => {
  const line = createMemoryLine(({ to }) => (to.includes('U1-0') ? refusal : 'ok'))
  const batch = oneBatch({ sizes: [1, 1, 1], line })
  await batch.run()
  // The pause was never made: the gate is as it was.
  batch.ledger.gate = { position: 'open', seq: 0 }
  expect(await batch.run()).toMatchObject({ kind: 'held' })
  expect(batch.outcomes()).toEqual({ accepted: 2, 'not-accepted': 1 })
})

test.each<[string, LineAnswer | undefined, string]>([
  ['rejected where LINE looks at the key before that content', undefined, 'rejected'],
  ['unknown where it refuses that content first', refusal, 'unknown'],
  [
    'unknown where it refuses recipients first',
    { kind: 'recipient-refused', index: 0, reason: 'no', lineRequestId: null },
    'unknown',
  ],
])('who was ever in doubt is %s', async (_, orderAnswer, outcome) => {
  const { batch } = await resumed((n) => (n === 1 ? noAnswer : refusal), {
    ...(orderAnswer && { orderAnswer }),
  })
  expect(batch.outcomes()).toEqual({ accepted: 2, [outcome]: 1 })
})

test('where it can not be learnt which LINE looks at first, who was ever in doubt stays so', async () => {
  const line = createMemoryLine(({ to }) =>
    to.includes('U0-0') ? (answers.shift() ?? refusal) : 'ok',
  )
  const answers: LineAnswer[] = [noAnswer]
  const batch = oneBatch({ sizes: [1], line })
  // Accepted on the lane, but of no key that could be called again.
  batch.ledger.hasAccepted = async () => true
  await batch.run()
  batch.ledger.gate = { position: 'open', seq: 9 }
  expect(await batch.run()).toMatchObject({ kind: 'finished', unresolvedRequests: 1 })
  expect(batch.outcomes()).toEqual({ 'in-doubt': 1 })
})

test('an answer is kept when the question what it hangs on fails', async () => {
  const line = createMemoryLine(({ to }) =>
    to.includes('U0-0') ? (answers.shift() ?? refusal) : 'ok',
  )
  const answers: LineAnswer[] = [
    noAnswer,
    { kind: 'some-recipient-refused', reason: 'no', lineRequestId: null },
    { kind: 'some-recipient-refused', reason: 'no', lineRequestId: null },
  ]
  const batch = oneBatch({ sizes: [4], line })
  batch.ledger.findAccepted = () => Promise.reject(new Error('The store is away.'))
  expect(await batch.run()).toMatchObject({ kind: 'held' })
  expect(batch.ledger.records['0']).toMatchObject({ state: 'in-doubt', refusals: 2 })
})
