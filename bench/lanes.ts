// How fast a lane went, by what the simulator saw: from its first call to its last answer.
import { type Lane, lanes } from '../domain/lane.ts'
import { round } from './conditions.ts'
import { type EndpointStats, type SimulatedLine } from './simulated-line.ts'

export interface LaneFigures {
  calls: number
  sendingSeconds: number
  callsPerSecond: number
  /** Calls by the status of their answer. */
  answers: Record<string, number>
}

function figuresOf(stats: EndpointStats): LaneFigures {
  const sendingSeconds = (stats.lastAnswerAt - stats.firstCallAt) / 1000
  return {
    calls: stats.calls,
    sendingSeconds: round(sendingSeconds, 2),
    callsPerSecond: round(stats.calls / sendingSeconds),
    answers: stats.statuses,
  }
}

/** Of each lane that was called since the simulator's statistics were last reset. */
export async function laneFigures(
  line: SimulatedLine,
): Promise<Partial<Record<Lane, LaneFigures>>> {
  const stats = await line.stats()
  const figures: Partial<Record<Lane, LaneFigures>> = {}
  for (const lane of lanes) {
    const seen = stats[lane]
    if (seen && seen.calls > 0) figures[lane] = figuresOf(seen)
  }
  return figures
}
