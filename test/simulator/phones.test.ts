// The stores under the phones: ids, columns, lists and the log behave as plain maps and arrays do.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createBodies } from '../../simulator/bodies.ts'
import { createByteColumn } from '../../simulator/columns.ts'
import { createDeliveryLog } from '../../simulator/delivery-log.ts'
import { readIdLines } from '../../simulator/id-lines.ts'
import { createIdIndex } from '../../simulator/id-index.ts'
import { createPhones } from '../../simulator/phones.ts'
import { userId } from './open-simulator.ts'

const word = fc.integer({ min: 0, max: 0xffffffff })
const id = fc.tuple(word, word, word, word)

test('an index numbers ids in order of arrival and finds every one of them', () => {
  fc.assert(
    fc.property(fc.array(id, { maxLength: 3000 }), (ids) => {
      const index = createIdIndex()
      const model = new Map<string, number>()
      for (const words of ids) {
        const hex = words.map((w) => w.toString(16).padStart(8, '0')).join('')
        expect(index.find(...words)).toBe(model.get(hex) ?? -1)
        if (!model.has(hex)) model.set(hex, model.size)
        const no = index.add(...words)
        expect(no).toBe(model.get(hex))
        expect(index.hex(no)).toBe(hex)
      }
      expect(index.size).toBe(model.size)
    }),
    { numRuns: 20 },
  )
})

test('ids that count upwards are all found after the index has grown', () => {
  const index = createIdIndex()
  for (let n = 0; n < 300_000; n++) index.add(0, 0, 0, n)
  for (let n = 0; n < 300_000; n++) if (index.find(0, 0, 0, n) !== n) expect.fail(`${n} is lost`)
  expect(index.find(0, 0, 1, 0)).toBe(-1)
})

test('a counter stays at 255', () => {
  const column = createByteColumn()
  for (let i = 0; i < 300; i++) column.bump(70_000)
  expect(column.get(70_000)).toBe(255)
  expect(column.get(69_999)).toBe(0)
})

test('a phone is a friend until it is said to be something else', () => {
  const phones = createPhones()
  const phone = phones.add(0, 0, 0, 7)
  expect(phones.findId(userId(7))).toBe(phone)
  expect(phones.idOf(phone)).toBe(userId(7))
  expect(phones.isFriend(phone)).toBe(true)
  phones.setState(phone, 'blocked')
  expect(phones.state(phone)).toBe('blocked')
  expect(phones.findId('U7')).toBe(-1)
})

test('a list is read alike however it is cut into chunks', async () => {
  const line = fc.oneof(
    fc.integer({ min: 0, max: 99 }).map(userId),
    fc.constantFrom('', 'U12', 'x'.repeat(50), `u${'0'.repeat(32)}`, `U${'0'.repeat(33)}`),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 20 }),
      fc.integer({ min: 1, max: 80 }),
      fc.constantFrom('\n', '\r\n'),
      async (lines, size, end) => {
        const bytes = Buffer.from(lines.join(end))
        async function* chunks() {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
        }
        const read: string[] = []
        const { malformed } = await readIdLines(chunks(), (words) => {
          read.push(`U${[...words].map((w) => w.toString(16).padStart(8, '0')).join('')}`)
        })
        const good = lines.filter((text) => /^U[0-9a-f]{32}$/.test(text))
        expect(read).toEqual(good)
        expect(malformed).toBe(lines.filter((text) => text !== '').length - good.length)
      },
    ),
  )
})

test('the log finds the calls of a phone and forgets the oldest beyond its bound', () => {
  const call = (seq: number) =>
    ({ at: seq, endpoint: 'push', seq, unit: undefined, body: 1 }) as const
  const log = createDeliveryLog(1_000_000, 20_000)
  for (let seq = 1; seq <= 50_000; seq++) {
    log.begin(call(seq))
    if (seq % 2 === 0) log.add(seq % 1000)
  }
  expect(log.dropped).toBe(32_768)
  const found = log.callsOf(4).map(({ seq }) => seq)
  const kept = Array.from({ length: 50_000 }, (_, i) => i + 1).filter((seq) => seq > 32_768)
  expect(found).toEqual(kept.filter((seq) => seq % 1000 === 4))
})

test('equal messages are kept once, and the oldest are forgotten beyond the cap', () => {
  const bodies = createBodies(100)
  const first = bodies.keep('a'.repeat(20))
  expect(bodies.keep('a'.repeat(20))).toBe(first)
  const second = bodies.keep('b'.repeat(20))
  const third = bodies.keep('c'.repeat(20))
  expect(bodies.find(first)).toBeUndefined()
  expect(bodies.find(second)).toBe('b'.repeat(20))
  expect(bodies.find(third)).toBe('c'.repeat(20))
  expect(bodies.dropped).toBe(1)
})
