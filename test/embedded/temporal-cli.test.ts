// Where the Temporal CLI is looked for, in which order, and what is said when there is none.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type Acquire,
  cachedPath,
  findTemporalCli,
  pinnedVersion,
} from '../../embedded/temporal-cli.ts'
import { temporaryFolder, writeProgram } from './folder.ts'

const cli = (server: string) =>
  `#!/bin/sh\necho "temporal version 1.2.3 (Server ${server}, UI 2.50.1)"\n`

/** A machine with nothing but an empty PATH and an empty cache, and ways that note that they were tried. */
function machine() {
  const folder = temporaryFolder()
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const env = { PATH: bin, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') }
  const cached = cachedPath(env, pinnedVersion())
  const tried: string[] = []
  const fails =
    (name: string): Acquire =>
    async () => {
      tried.push(name)
      throw new Error(`no ${name} here`)
    }
  const brings =
    (name: string): Acquire =>
    async ({ target }) => {
      tried.push(name)
      writeFileSync(target, cli('1.31.2'))
      chmodSync(target, 0o755)
    }
  const lines: string[] = []
  const onProgress = (line: string) => void lines.push(line)
  const base = { named: undefined, env, onProgress }
  const ways = { download: fails('download'), build: fails('Go') }
  return { folder, bin, env, cached, tried, fails, brings, lines, base, ways }
}

test('the named one is taken, whatever else is there', async () => {
  const { folder, bin, base, ways } = machine()
  writeProgram(bin, 'temporal', cli('1.31.2'))
  const named = writeProgram(folder, 'my-temporal', cli('1.31.0'))
  expect(await findTemporalCli({ ...base, ...ways, named })).toBe(named)
})

test('a named one that is not there is refused by one sentence', async () => {
  const { folder, base, ways } = machine()
  const named = join(folder, 'nothing')
  await expect(findTemporalCli({ ...base, ...ways, named })).rejects.toThrow(
    `LFM_TEMPORAL_CLI names ${named}, which is not a program: set it to a Temporal CLI with server 1.31 or later, or unset it.`,
  )
})

test('one on the PATH comes before the cache', async () => {
  const { bin, cached, base, ways } = machine()
  mkdirSync(dirname(cached), { recursive: true })
  writeProgram(dirname(cached), 'temporal', cli('1.31.2'))
  const onPath = writeProgram(bin, 'temporal', cli('2.0.0'))
  expect(await findTemporalCli({ ...base, ...ways })).toBe(onPath)
})

test('one on the PATH that is too old is passed over with a line', async () => {
  const { bin, cached, lines, tried, base, ways } = machine()
  const old = writeProgram(bin, 'temporal', cli('1.24.2'))
  mkdirSync(dirname(cached), { recursive: true })
  writeProgram(dirname(cached), 'temporal', cli('1.31.2'))
  expect(await findTemporalCli({ ...base, ...ways })).toBe(cached)
  expect(lines).toEqual([
    `${old} brings Temporal server 1.24, which is older than 1.31: passed over`,
  ])
  expect(tried).toEqual([])
})

test('another program called temporal is passed over', async () => {
  const { bin, cached, base, ways, brings } = machine()
  writeProgram(bin, 'temporal', '#!/bin/sh\necho "a library for dates"\n')
  const found = findTemporalCli({ ...base, ...ways, download: brings('download') })
  expect(await found).toBe(cached)
})

test('the download comes before Go, and stays in the cache', async () => {
  const { cached, tried, base, ways, brings } = machine()
  const options = { ...base, ...ways, download: brings('download') }
  expect(await findTemporalCli(options)).toBe(cached)
  expect(await findTemporalCli({ ...base, ...ways })).toBe(cached)
  expect(tried).toEqual(['download'])
})

test('two processes that find none build it once', async () => {
  const { cached, tried, lines, base, ways, brings } = machine()
  const options = { ...base, ...ways, build: brings('Go') }
  const found = await Promise.all([findTemporalCli(options), findTemporalCli(options)])
  expect(found).toEqual([cached, cached])
  expect(tried).toEqual(['download', 'Go'])
  expect(lines).toEqual(['waiting for another process that is fetching the Temporal CLI'])
})

test('Go builds the pinned version with its own sums', async () => {
  const { bin, cached, lines, base, ways } = machine()
  // Stands in for Go: writes a program where -o says, and notes how it was called.
  writeProgram(
    bin,
    'go',
    `#!/bin/sh
while [ "$1" != "-o" ]; do shift; done
/bin/cat > "$2" <<'PROGRAM'
${cli('1.31.2')}PROGRAM
/bin/chmod +x "$2"
echo "$PWD CGO_ENABLED=$CGO_ENABLED $3" > "$HOME/called"
`,
  )
  expect(await findTemporalCli({ ...base, download: ways.download })).toBe(cached)
  expect(lines).toEqual([
    'building the Temporal CLI from its Go modules, about 6 minutes, once per machine',
  ])
})

test('a machine where no way works is told in one sentence what to install', async () => {
  const { bin, base, ways } = machine()
  writeProgram(bin, 'go', '#!/bin/sh\necho "no route to the module proxy" >&2\nexit 1\n')
  await expect(findTemporalCli({ ...base, download: ways.download })).rejects.toThrow(
    /^There is no Temporal CLI: install it \(https:\S+\) or Go 1\.26 or later \(https:\S+\), or set LFM_TEMPORAL_CLI to its path \(download: no download here; Go: go build failed: no route to the module proxy\)\.$/,
  )
})
