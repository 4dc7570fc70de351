// .env.example names every setting with its default and its line of meaning, and nothing else.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { temporalVariables, variables } from '../../config/variables.ts'

interface Entry {
  meaning: string
  value: string
}

const file = new URL('../../.env.example', import.meta.url)
const lines = readFileSync(file, 'utf8').split('\n')
const written: Record<string, Entry> = {}
lines.forEach((line, i) => {
  const [, name, value] = /^#?([A-Z_]+)=(.*)$/.exec(line) ?? []
  if (name === undefined || value === undefined) return
  written[name] = { meaning: (lines[i - 1] ?? '').replace(/^# /, ''), value }
})

function expected(): Record<string, Entry> {
  const defaults: Record<string, unknown> = variables.parse({})
  const ours = Object.entries(variables.shape).map(([name, schema]) => {
    const value = defaults[name]
    return [
      name,
      { meaning: schema.description ?? '', value: value === undefined ? '' : `${value as string}` },
    ]
  })
  const temporals = Object.entries(temporalVariables).map(([name, meaning]) => [
    name,
    { meaning, value: '' },
  ])
  return Object.fromEntries([...ours, ...temporals]) as Record<string, Entry>
}

test('.env.example has every variable that is read, with its default and meaning', () => {
  expect(written).toEqual(expected())
})

test('.env.example sets nothing by itself', () => {
  expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
})
