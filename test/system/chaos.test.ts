// A few seeds of `npm run chaos`, shortened: whatever is drawn, nobody is lost and nobody is reached twice.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, onTestFailed, onTestFinished, test } from 'vitest'
import { runSeed } from '../../bench/chaos/run.ts'

const shortened = { recipients: 5_000, scale: 0.05 }

/** Each with kinds of its own, so that together they meet kills, outages and a LINE that fails. */
const runs = [
  {
    seed: 11,
    kills: 2,
    kinds: ['worker-kill', 'worker-kill-in-freeze', 'postgres-absent', 'line-400-named'],
  },
  {
    seed: 12,
    kills: 1,
    kinds: ['worker-kill-in-flight', 'temporal-absent', 'line-accept-then-drop-connection'],
  },
]

test.each(runs)(
  'seed $seed reaches everybody once under $kinds',
  async (run) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'lfm-chaos-'))
    let isFailed = false
    onTestFailed(() => {
      isFailed = true
    })
    onTestFinished(() => {
      // What a failure left is kept: its log is named below.
      if (!isFailed) rmSync(dataDir, { recursive: true, force: true })
    })
    const report = await runSeed({
      ...shortened,
      ...run,
      dataDir,
      env: { ...process.env, LFM_TEMPORAL_CLI: inject('temporalCli') },
      signal: new AbortController().signal,
    })
    expect(report, `log ${report.log}`).toMatchObject({
      failures: [],
      passed: true,
      lost: 0,
      doubled: 0,
      unknown: 0,
      kills: run.kills,
      pointsHit: report.pointsDrawn,
    })
    expect(new Set(report.points.map(({ kind }) => kind))).toEqual(new Set(run.kinds))
  },
  // Above a run's own patience, so that it is the run that says what it came to.
  400_000,
)
