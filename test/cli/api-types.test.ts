// The types of the command line: in step with the API.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { apiTypes } from '../../cli/write-api-types.ts'

test('cli/api-types.ts is what docs/openapi.json says; "npm run openapi" writes it', async () => {
  const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
  const document = JSON.parse(await read('docs/openapi.json')) as Parameters<typeof apiTypes>[0]
  expect(await read('cli/api-types.ts')).toBe(apiTypes(document))
})
