// What the environment may say, and what is said of it when it can't be used.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { ConfigRefused, readApiConfig, readConfig, readSettings } from '../../config/env.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function dataFolder(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'lfm-config-'))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigRefused) return error.problems
    throw error
  }
  return []
}

test('an empty environment gives the defaults', () => {
  const settings = readSettings({})
  expect(settings.api).toEqual({ host: '127.0.0.1', port: 8787, token: undefined })
  expect(settings.temporal).toEqual({
    named: false,
    address: '127.0.0.1:7233',
    namespace: 'default',
  })
  expect(settings.line).toEqual({
    named: false,
    baseUrl: 'http://127.0.0.1:8790',
    deadlineMs: 10_000,
  })
})

test('all problems are told at once, each with its variable', () => {
  const problems = problemsOf(() =>
    readSettings({
      LFM_API_PORT: '70000',
      LFM_LOG_LEVEL: 'loud',
      LFM_SECRET_KEY: 'too short',
      DATABASE_URL: 'mysql://user:hunter2@host/lfm',
      TEMPORAL_TLS: 'TRUE',
      LFM_API_PROT: '1',
    }),
  )
  expect(problems).toEqual([
    'LFM_API_PORT: must be a port (0 takes any free one), a whole number from 0 to 65535; it is "70000".',
    'LFM_SECRET_KEY: must be 32 bytes written in base64 or hex; make one with "openssl rand -base64 32".',
    'DATABASE_URL: must be a URL such as postgres://user@host:5432/lfm.',
    'LFM_LOG_LEVEL: must be one of trace, debug, info, warn, error, silent; it is "loud".',
    'LFM_API_PROT: is not a setting of LFM; did you mean LFM_API_PORT?',
    'TEMPORAL_*: TEMPORAL_TLS must be true or false; it is "TRUE".',
  ])
})

test('an empty value counts as none', () => {
  expect(readSettings({ LFM_API_PORT: '', DATABASE_URL: '' })).toEqual(readSettings({}))
})

test('only whole numbers in range are ports', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(text !== '')
      const isPort = /^\d{1,9}$/.test(text) && Number(text) <= 65_535
      expect(problemsOf(() => readSettings({ LFM_API_PORT: text })).length).toBe(isPort ? 0 : 1)
    }),
  )
})

test('a secret key is the same in base64, in base64url and in hex', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const key = Buffer.from(bytes)
      for (const encoding of ['base64', 'base64url', 'hex'] as const) {
        const { secretKey } = readSettings({ LFM_SECRET_KEY: key.toString(encoding) })
        expect(secretKey?.reveal().equals(key)).toBe(true)
      }
    }),
  )
})

test('a named Temporal is used with its API key, which does not show when settings are printed', () => {
  const { temporal } = readSettings({
    TEMPORAL_ADDRESS: 'cloud.example:7233',
    TEMPORAL_NAMESPACE: 'shop',
    TEMPORAL_API_KEY: 'very-secret',
  })
  expect(temporal).toMatchObject({ named: true, address: 'cloud.example:7233', namespace: 'shop' })
  expect(temporal.connectionOptions).toMatchObject({ apiKey: 'very-secret', tls: true })
  expect(JSON.stringify(temporal) + inspect(temporal)).not.toContain('very-secret')
})

test('a temporal.toml counts only when the environment names it', () => {
  const home = dataFolder({
    'temporal.toml': '[profile.default]\naddress = "production.example:7233"\n',
  })
  expect(readSettings({ HOME: home, XDG_CONFIG_HOME: home }).temporal.named).toBe(false)
  const named = readSettings({ TEMPORAL_CONFIG_FILE: join(home, 'temporal.toml') })
  expect(named.temporal).toMatchObject({ named: true, address: 'production.example:7233' })
})

test('what the environment does not name comes from the data folder of the embedded start', () => {
  const LFM_DATA_DIR = dataFolder({
    'secret-key': `${'ab'.repeat(32)}\n`,
    'api-token': 'a-token-of-the-folder\n',
    'postgres-password': 'pass/word\n',
  })
  const config = readApiConfig({ LFM_DATA_DIR, LFM_POSTGRES_PORT: '6000' })
  expect(config.databaseUrl.reveal()).toBe('postgres://lfm:pass%2Fword@127.0.0.1:6000/lfm')
  expect(config.api.token.reveal()).toBe('a-token-of-the-folder')
  expect(config.secretKey.reveal().toString('hex')).toBe('ab'.repeat(32))

  const named = readConfig({ LFM_DATA_DIR, DATABASE_URL: 'postgres://elsewhere/lfm' })
  expect(named.databaseUrl.reveal()).toBe('postgres://elsewhere/lfm')
})

test('a process that lacks what it needs says all of it', () => {
  const LFM_DATA_DIR = dataFolder()
  const names = (problems: readonly string[]) => problems.map((line) => line.split(':')[0])
  expect(names(problemsOf(() => readConfig({ LFM_DATA_DIR })))).toEqual([
    'DATABASE_URL',
    'LFM_SECRET_KEY',
  ])
  expect(names(problemsOf(() => readApiConfig({ LFM_DATA_DIR })))).toEqual([
    'DATABASE_URL',
    'LFM_SECRET_KEY',
    'LFM_API_TOKEN',
  ])
})

test('settings are frozen', () => {
  const settings = readSettings({})
  expect(Object.isFrozen(settings) && Object.isFrozen(settings.api)).toBe(true)
})
