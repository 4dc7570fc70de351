// The OpenAPI document: in step with the routes, whole, and of unambiguous names.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { openApiText } from '../../api/openapi.ts'
import { routes } from '../../api/routes/all.ts'

const text = openApiText(routes)

test('docs/openapi.json is what the routes say; "npm run openapi" writes it', async () => {
  const kept = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  expect(kept).toBe(text)
})

test('every reference leads somewhere', () => {
  const { components } = JSON.parse(text) as { components: { schemas: Record<string, unknown> } }
  const references = [...text.matchAll(/"\$ref": "#\/components\/schemas\/(\w+)"/g)]
  expect(references.length).toBeGreaterThan(0)
  for (const [, name] of references) expect(components.schemas).toHaveProperty(name ?? '')
})

test('operations have names of their own', () => {
  const names = routes.map(({ operationId }) => operationId)
  expect(new Set(names).size).toBe(names.length)
})

test('no field of an answer is a secret', () => {
  const { components } = JSON.parse(text) as { components: { schemas: Record<string, unknown> } }
  const holders = Object.entries(components.schemas)
    .filter(([, schema]) => /"\w*(secret|token)\w*":/i.test(JSON.stringify(schema)))
    .map(([name]) => name)
  expect(holders.toSorted()).toEqual(['ChannelChange', 'ChannelInput'])
})
