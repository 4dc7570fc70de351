import fc from 'fast-check'
import { expect, test } from 'vitest'
import { retryKey, type KeyedRequest } from '../../line/retry-key.ts'

const deliveryId = '0192f0c0-0000-7000-8000-000000000001'

test('keys of a release are the keys of every later one', () => {
  expect(retryKey({ deliveryId, lane: 'multicast', requestNo: 0 })).toBe(
    'a497b25d-22d3-5f72-bcc6-8f444dbe60d1',
  )
  expect(retryKey({ deliveryId, lane: 'push', requestNo: 17 })).toBe(
    '4bb57680-b018-5e9a-8be7-69b5a5bb90a5',
  )
  const part = {
    deliveryId,
    lane: 'multicast',
    requestNo: 17,
    fromOrdinal: 0,
    toOrdinal: 250,
  } as const
  expect(retryKey(part)).toBe('c8d2d3da-5169-519c-be97-c9fb27e11d3c')
  expect(retryKey({ ...part, generation: 1 })).toBe('72e41e7b-141b-5c2f-b542-d5025e54680a')
})

test('generation 0 and no generation are the same key', () => {
  const request = { deliveryId, lane: 'push', requestNo: 3 } as const
  expect(retryKey({ ...request, generation: 0 })).toBe(retryKey(request))
})

test('different requests have different keys, and the same request has the same', () => {
  const request: fc.Arbitrary<KeyedRequest> = fc
    .record({
      deliveryId: fc.uuid(),
      lane: fc.constantFrom('multicast' as const, 'push' as const),
      requestNo: fc.nat(50),
      range: fc.option(fc.tuple(fc.nat(20), fc.nat(20)), { nil: undefined }),
      generation: fc.nat(3),
    })
    .map(({ range, ...rest }) =>
      range === undefined ? rest : { ...rest, fromOrdinal: range[0], toOrdinal: range[1] },
    )
  fc.assert(
    fc.property(request, request, (one, other) => {
      const isSame = JSON.stringify(one) === JSON.stringify(other)
      expect(retryKey(one) === retryKey(other)).toBe(isSame)
      expect(retryKey({ ...one })).toBe(retryKey(one))
    }),
  )
})

test('near neighbours have different keys', () => {
  const keys = new Set<string>()
  let count = 0
  for (const lane of ['multicast', 'push'] as const) {
    for (let requestNo = 0; requestNo < 12; requestNo++) {
      for (const generation of [0, 1, 2, 11]) {
        keys.add(retryKey({ deliveryId, lane, requestNo, generation }))
        keys.add(
          retryKey({ deliveryId, lane, requestNo, fromOrdinal: 0, toOrdinal: 1, generation }),
        )
        keys.add(
          retryKey({ deliveryId, lane, requestNo, fromOrdinal: 0, toOrdinal: 11, generation }),
        )
        count += 3
      }
    }
  }
  expect(keys.size).toBe(count)
})

test('half a range and a delivery id with a slash have no key', () => {
  expect(() => retryKey({ deliveryId, lane: 'push', requestNo: 1, fromOrdinal: 0 })).toThrow(
    /both of its ordinals/,
  )
  expect(() => retryKey({ deliveryId: 'a/push', lane: 'push', requestNo: 1 })).toThrow(/slash/)
})
