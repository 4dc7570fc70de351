// Every shape of history that was ever shipped replays with the workflow code as it is now.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from '@temporalio/worker'
import { describe, expect, inject, test } from 'vitest'

const folder = join(import.meta.dirname, 'histories')
const names = readdirSync(folder).filter((name) => name.endsWith('.json'))

describe('recorded histories', () => {
  test.each(names)('%s replays', async (name) => {
    const history: unknown = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    await Worker.runReplayHistory(
      { workflowBundle: { codePath: inject('bundlePath') } },
      history,
      name,
    )
  })

  test('a history of other code does not replay', async () => {
    const text = readFileSync(join(folder, 'delivery-done.json'), 'utf8')
    const other: unknown = JSON.parse(text.replaceAll('freezeAudience', 'thawAudience'))
    await expect(
      Worker.runReplayHistory(
        { workflowBundle: { codePath: inject('bundlePath') } },
        other,
        'other',
      ),
    ).rejects.toThrow(/[Nn]ondeterminism/)
  })

  test('no history holds a user id, a token or a message', () => {
    for (const name of names)
      expect(readFileSync(join(folder, name), 'utf8')).not.toMatch(/U[0-9a-f]{32}|Bearer/)
  })
})
