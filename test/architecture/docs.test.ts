// The documents are in step with the code: links lead somewhere, and what they name exists.
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporalVariables, variables } from '../../config/variables.ts'
import { root, sourceFiles } from './source-files.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const documents = [
  ...globSync(['*.md', 'docs/**/*.md'], { cwd: root }),
  'simulator/README.md',
].sort()
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

/** GitHub's rule for the anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

const withoutCode = (text: string) => text.replaceAll(/^```.*?^```/gms, '')

function anchorsOf(file: string): string[] {
  return [...withoutCode(read(file)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    anchorOf(heading),
  )
}

function brokenLinks(file: string): string[] {
  const targets = [...withoutCode(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, target = '']) => target,
  )
  return targets.filter((target) => {
    if (/^(https?:|mailto:)/.test(target)) return false
    const [path = '', anchor] = target.split('#')
    const found = path === '' ? file : normalize(join(dirname(file), path))
    if (!existsSync(join(root, found))) return true
    return anchor !== undefined && !anchorsOf(found).includes(anchor)
  })
}

/** The cells of a table's rows, without its head. */
function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s|-]+$/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
}

describe('documents', () => {
  test.each(documents)('%s has no link that leads nowhere', (file) => {
    expect(brokenLinks(file)).toEqual([])
  })

  test.each(documents)('%s names only scripts that exist', (file) => {
    const named = [...read(file).matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short ?? '',
    )
    expect(named.filter((script) => !(script in scripts))).toEqual([])
  })

  test.each([...documents, 'docker-compose.yml', 'Dockerfile'])(
    '%s names only settings that are read',
    (file) => {
      const known = [...Object.keys(variables.shape), ...Object.keys(temporalVariables)]
      const named = read(file).match(/\bLFM_[A-Z_]+\b/g) ?? []
      expect(named.filter((name) => !known.includes(name))).toEqual([])
    },
  )
})

test('the README is shorter than 150 lines and has a row for every room', () => {
  const text = read('README.md')
  expect(text.split('\n').length).toBeLessThan(150)
  const rooms = new Set(
    sourceFiles.filter((file) => file.includes('/')).map((file) => file.split('/')[0]),
  )
  const mapped = rowsOf(text).map(([room = '']) => /^`(\w+)\/`$/.exec(room)?.[1])
  expect([...rooms].filter((room) => !mapped.includes(room))).toEqual([])
})

test('every rule of the protocol has code and the tests that it names, or says that it has none', () => {
  const [, rules = ''] = /<!-- rules[^\n]*\n([\s\S]*?)\n\n/.exec(read('docs/architecture.md')) ?? []
  const [, ...rows] = rowsOf(rules)
  expect(rows.length).toBeGreaterThan(25)
  const wrong = rows.flatMap(([rule = '', , , tests = '']) => {
    const cited = [
      ...tests.matchAll(/\]\(\.\.\/([^)]+)\): ((?:"(?:[^"\\]|\\.)*"(?:, )?)+)/g),
    ].flatMap(([, file = '', names = '']) =>
      [...names.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, name = '']) => ({
        file,
        name: name.replaceAll('\\"', '"'),
      })),
    )
    if (cited.length === 0 && !tests.startsWith('no test yet')) return [`${rule}: no test named`]
    return cited
      .filter(({ file, name }) => !read(file).includes(name))
      .map(({ file, name }) => `${rule}: ${file} has no test "${name}"`)
  })
  expect(wrong).toEqual([])
})

test('every word of the glossary stands there once and is used in the code', () => {
  const words = rowsOf(read('docs/glossary.md')).flatMap(
    ([cell = '']) => /^\*\*(.+)\*\*$/.exec(cell)?.[1] ?? [],
  )
  expect(words.length).toBeGreaterThan(40)
  expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([])
  const squashed = (text: string) => text.toLowerCase().replaceAll(/[\s_-]/g, '')
  const code = squashed(
    [...sourceFiles, ...globSync('store/migrations/*.sql', { cwd: root })]
      .filter((file) => !file.startsWith('test/'))
      .map(read)
      .join('\n'),
  )
  // Not built yet, and the glossary says so.
  const missing = words.filter((word) => word !== 'recover' && !code.includes(squashed(word)))
  expect(missing).toEqual([])
})

test('every table of the schema is in the architecture', () => {
  const schema = globSync('store/migrations/*.sql', { cwd: root }).map(read).join('\n')
  const tables = [...schema.matchAll(/^create table (\w+)/gm)].map(([, table = '']) => table)
  const shown = read('docs/architecture.md')
  expect(tables.filter((table) => !shown.includes(`\`${table}\``))).toEqual([])
})

test('every heading of a document that the code sends a reader to is there', () => {
  const sent = sourceFiles.flatMap((file) =>
    [...read(file).matchAll(/See (docs\/[\w-]+\.md), "([^"]+)"/g)].map(
      ([, document = '', heading = '']) => ({ document, heading }),
    ),
  )
  expect(sent.length).toBeGreaterThan(0)
  const lost = sent.filter(
    ({ document, heading }) => !anchorsOf(document).includes(anchorOf(heading)),
  )
  expect(lost).toEqual([])
})

test('decisions are numbered without a gap and each has its four parts', () => {
  const files = globSync('docs/decisions/*.md', { cwd: root }).sort()
  files.forEach((file, i) => {
    const number = String(i + 1).padStart(4, '0')
    expect(file).toMatch(new RegExp(`/${number}-[a-z0-9-]+\\.md$`))
    const headings = read(file).match(/^#+ .+$/gm) ?? []
    expect(headings[0]).toMatch(new RegExp(`^# ${number}: `))
    expect(headings.slice(1)).toEqual([
      '## Situation',
      '## Choice',
      '## Consequences',
      '## What would change our mind',
    ])
  })
})

test('the changelog has what is not released on top, the licence is Apache-2.0', () => {
  expect(/^## .+$/m.exec(read('CHANGELOG.md'))?.[0]).toBe('## Unreleased')
  expect(read('LICENSE')).toContain('Apache License\n                           Version 2.0')
})

describe('the container files', () => {
  const compose = read('docker-compose.yml')

  test('pin every image to a full version', () => {
    const images = [
      ...[...compose.matchAll(/^\s*image: (\S+)$/gm)].map(([, image = '']) => image),
      ...[...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image = '']) => image),
    ]
    expect(images.length).toBeGreaterThan(5)
    expect(images.filter((image) => !/^[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.-]+)?$/.test(image))).toEqual(
      [],
    )
  })

  test('run programs and mount files that exist', () => {
    const programs = [...compose.matchAll(/^\s*command: \[node, ([^\]]+)\]$/gm)].map(([, p]) => p)
    const mounted = [...compose.matchAll(/^\s*- \.\/([^:]+):/gm)].map(([, p]) => p)
    expect(programs.length).toBe(4)
    expect([...programs, ...mounted].filter((p) => !existsSync(join(root, p ?? '')))).toEqual([])
  })

  test('give a worker longer to stop than it takes at most', () => {
    const worker = /^ {2}worker:\n(?:(?: {3,}.*)?\n)*/m.exec(compose)?.[0] ?? ''
    const graceMs = Number(/LFM_WORKER_GRACE_MS: '(\d+)'/.exec(worker)?.[1])
    const stopSeconds = Number(/stop_grace_period: (\d+)s/.exec(worker)?.[1])
    // The lanes and then the rest, each with its grace and 5 s to be cut off in.
    expect(stopSeconds * 1000).toBeGreaterThan(2 * (graceMs + 5_000))
  })
})

test('.ci/run is executable, and installs, checks and tests in this order', () => {
  expect(statSync(join(root, '.ci/run')).mode & 0o111).toBe(0o111)
  const steps = read('.ci/run').match(/^npm (ci|run check|test)\b/gm)
  expect(steps).toEqual(['npm ci', 'npm run check', 'npm test'])
})

test('no file names this checkout, and the lockfile names no registry', () => {
  const files = globSync(['**/*', '.ci/*', '.env.example', '.dockerignore'], {
    cwd: root,
    exclude: (name) => ['node_modules', 'dist', '.lfm', '.git'].includes(name),
  }).filter((file) => statSync(join(root, file)).isFile())
  expect(files.filter((file) => read(file).includes(`${root}/`))).toEqual([])
  // npm then asks the registry that it is set to.
  expect(read('package-lock.json').match(/"resolved": "[^"]+"/g) ?? []).toEqual([])
})
