// The conditions under which a figure was measured, printed with every figure.
import { cpus, loadavg, totalmem } from 'node:os'

/** What has to be known to compare a figure with another. */
export function conditions(more: Record<string, unknown>): Record<string, unknown> {
  return {
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    loadAverage: loadavg()[0],
    everythingOnThisMachine: true,
    ...more,
  }
}

/** Rounds for people. */
export const round = (value: number, digits = 1) => Number(value.toFixed(digits))
