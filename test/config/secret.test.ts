// Secrets do not show themselves.
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { secret } from '../../config/secret.ts'

test('a secret prints as *** in every way that a program prints', () => {
  const token = secret('very-secret')
  const printed = [
    String(token),
    `${token.toString()}`,
    JSON.stringify({ token }),
    inspect({ deep: { token } }),
    inspect(token),
  ]
  expect(printed.join('\n')).not.toContain('very-secret')
  expect(String(token)).toBe('***')
  expect(token.reveal()).toBe('very-secret')
})
