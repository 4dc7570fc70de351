// Removes what has been kept long enough: plans and parts of ended deliveries, and old logs.
import { rm } from 'node:fs/promises'
import { rows, type Engine } from './engine.ts'
import { filesIn, namesIn, type Layout } from './layout.ts'
import { parquet, text } from './sql-text.ts'

/** Deliveries of which there are plans or parts. */
export async function heldDeliveries(layout: Layout): Promise<string[]> {
  const [plans, parts] = await Promise.all([namesIn(layout.allPlans), namesIn(layout.allParts)])
  return [...new Set([...plans, ...parts])]
}

/** Removes all plans and parts of a delivery. */
export async function dropDelivery(layout: Layout, deliveryId: string): Promise<void> {
  for (const folder of [layout.plans(deliveryId), layout.parts(deliveryId)])
    await rm(folder, { recursive: true, force: true })
}

/**
 * Removes files of `delivery_log` and `click_log` of which every row is older than the day.
 * @throws Error where it is no day.
 */
export async function dropLogsBefore(
  { engine, layout }: { engine: Engine; layout: Layout },
  day: string,
): Promise<void> {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new Error(`${day} is no day such as 2026-11-22.`)
  const logs: (readonly [string, string])[] = [
    [layout.logs, 'outcome_at'],
    [layout.clicks, 'clicked_at'],
  ]
  for (const [folder, instant] of logs)
    // File by file, so that one that can't be read keeps none of the others.
    for (const path of await filesIn(folder, '.parquet')) {
      const isOld = await engine.read((connection) =>
        rows(
          connection,
          `SELECT max(${instant}) < TIMESTAMPTZ ${text(`${day} 00:00:00+00`)} FROM ${parquet([path])}`,
        ).then(
          ([first]) => first?.[0] === true,
          () => false,
        ),
      )
      if (isOld) await rm(path, { force: true })
    }
}
