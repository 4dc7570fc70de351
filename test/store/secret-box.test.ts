// The box that channel secrets are sealed in.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSecretBox } from '../../store/secret-box.ts'

const box = createSecretBox(randomBytes(32))
const sentence = /^A channel secret could not be opened: LFM_SECRET_KEY is not the key/

test('what was sealed opens as it was, and no two sealings are alike', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (plain) => {
      const sealed = box.seal(plain)
      expect(box.open(sealed)).toBe(plain)
      expect(box.seal(plain)).not.toBe(sealed)
    }),
  )
})

test('another key, or a changed text, gives the sentence that says what to do', () => {
  const sealed = box.seal('secret')
  expect(() => createSecretBox(randomBytes(32)).open(sealed)).toThrow(sentence)
  const bytes = Buffer.from(sealed.slice(3), 'base64')
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(at) ^ flip, at)
      expect(() => box.open(`v1.${changed.toString('base64')}`)).toThrow(sentence)
    }),
  )
  expect(() => box.open('')).toThrow(sentence)
})

test('a key of another length is refused', () => {
  expect(() => createSecretBox(randomBytes(16))).toThrow('LFM_SECRET_KEY must be 32 bytes.')
})
