// Random sequences of orders, activity results, kills and continue-as-new, against a reference model.
// MODEL_RUNS=200 MODEL_SEED=7 npx vitest run test/workflows/model.test.ts
import { type TestWorkflowEnvironment } from '@temporalio/testing'
import { bundleWorkflowCode, DefaultLogger, Runtime, type WorkflowBundle } from '@temporalio/worker'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Gate } from '../../domain/delivery.ts'
import { DeliveryModel, type ModelPlan } from './delivery-model.ts'
import { bringToItsEnd, commands, expectAsModel } from './model-commands.ts'
import { startModelRun } from './model-run.ts'
import { startTemporal } from './temporal-server.ts'

const numRuns = Number(process.env.MODEL_RUNS ?? 10)
const seed = Number(process.env.MODEL_SEED ?? 20_261_124)
const msPerRun = 120_000

const warnings: string[] = []
let env: TestWorkflowEnvironment
let bundle: WorkflowBundle

beforeAll(async () => {
  const logger = new DefaultLogger('WARN', ({ message }) => warnings.push(message))
  Runtime.install({ logger })
  env = await startTemporal(inject('temporalCli'))
  bundle = await bundleWorkflowCode({
    workflowsPath: new URL('../../workflows/index.ts', import.meta.url).pathname,
    workflowInterceptorModules: [new URL('model-timers.ts', import.meta.url).pathname],
    logger,
  })
})
afterAll(() => env.teardown())

const plans: fc.Arbitrary<ModelPlan> = fc
  .record({
    pages: fc.record({ multicast: fc.nat(5), push: fc.nat(3) }),
    batchesPerPage: fc.integer({ min: 1, max: 3 }),
    pagesPerRun: fc.constantFrom(1, 2, 3, 500),
  })
  .filter(({ pages }) => pages.multicast + pages.push > 0)

const gates: fc.Arbitrary<Gate> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Gate>({ position: 'open', seq: 0 }) },
  { weight: 1, arbitrary: fc.constant<Gate>({ position: 'paused', seq: 1, by: 'x', why: 'y' }) },
)

test(
  'whatever happens to a delivery, its answers, its sends and its end are those of the model',
  async () => {
    const seen = { runs: 0, continued: 0, steps: 0 }
    await fc.assert(
      fc.asyncProperty(plans, gates, commands, async (plan, gate, sequence) => {
        await using real = await startModelRun(env, bundle, plan, gate)
        const model = new DeliveryModel(plan, gate)
        await expectAsModel(model, real)
        await fc.asyncModelRun(() => ({ model, real }), sequence)
        await bringToItsEnd(model, real)
        expect((await real.handle.result()).state).toBe(model.phase)
        const { runs, failedTasks } = await real.lookBack()
        expect(failedTasks).toEqual([])
        expect(runs).toBe(model.runs)
        seen.runs += 1
        seen.continued += runs - 1
        seen.steps += [...sequence].length
      }),
      { numRuns, seed, endOnFailure: process.env.MODEL_RUNS === undefined },
    )
    expect(seen.runs).toBe(numRuns)
    expect(seen.continued).toBeGreaterThan(0)
    expect(warnings.filter((line) => /unfinished|nondeterminism/i.test(line))).toEqual([])
  },
  numRuns * msPerRun,
)
