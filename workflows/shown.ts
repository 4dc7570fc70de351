// What Temporal Web tells of a delivery by itself: the state as a search attribute, and in words as details.
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow'
import {
  type EndState,
  type Gate,
  type OpenDeliveryState,
  type ShownState,
} from '../domain/delivery.ts'
import { type Account } from '../domain/outcome.ts'
import { type CarriedDelivery, stateAttribute } from './messages.ts'

/** Shows the state in lists and filters. */
export function showState(state: ShownState): void {
  upsertSearchAttributes([{ key: stateAttribute, value: state }])
}

/** The Markdown on the workflow's page; details are no command, so their words may change at any time. */
export interface Details {
  /** What the delivery is at from now on. */
  enter(phase: OpenDeliveryState): void
  /** Where the gate stands: a pause is shown with who, why and since when, before all else. */
  gateMoved(gate: Gate): void
  /** How far its pages are; `waitsFor` names what it waits for between two rounds. */
  pages(delivery: CarriedDelivery, waitsFor?: string): void
  /** How it ended, and with which account; the last words. */
  end(state: EndState, account: Account | null, reason?: string): void
}

const doing: Partial<Record<OpenDeliveryState, string>> = {
  freezing: 'freezing the audience',
  sending: 'sending',
  reconciling: 'comparing plan and outcomes recipient by recipient',
}

/** A workflow's instant to the minute, for people. */
export function minuteOf(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function pagesTable({ round, planned, nextPage, pageCount, unresolvedRequests }: CarriedDelivery) {
  return [
    `Round ${round}, ${planned} recipients planned`,
    '',
    `| lane | pages started | of |`,
    `| --- | --- | --- |`,
    `| multicast | ${nextPage.multicast} | ${pageCount.multicast} |`,
    `| push | ${nextPage.push} | ${pageCount.push} |`,
    '',
    `${unresolvedRequests} requests left to the next round`,
  ]
}

function accountTable(account: Account): string[] {
  const rows = Object.entries(account).map(([name, recipients]) => `| ${name} | ${recipients} |`)
  return ['| recipients | |', '| --- | --- |', ...rows]
}

export function createDetails(): Details {
  let words = 'starting'
  let since = new Date()
  let position: Gate['position'] = 'open'
  let held = ''
  let table: string[] = []

  function say(): void {
    setCurrentDetails(
      [
        `**${position === 'open' ? `${words}, since ${minuteOf(since)}` : `${held} (${words})`}**`,
        '',
        ...table,
      ].join('\n'),
    )
  }

  function turnTo(now: string): void {
    if (now === words) return
    words = now
    since = new Date()
  }

  return {
    enter(phase) {
      turnTo(doing[phase] ?? phase)
      say()
    },
    gateMoved(gate) {
      // A pause that is ordered again is the same pause.
      if (gate.position !== position) {
        position = gate.position
        const what = position === 'paused' ? 'paused' : 'cancelling, as ordered'
        held = `${what} by ${gate.by ?? 'somebody'} since ${minuteOf(new Date())}: ${gate.why ?? ''}`
      }
      say()
    },
    pages(delivery, waitsFor) {
      turnTo(waitsFor === undefined ? 'sending' : `waits for ${waitsFor}`)
      table = pagesTable(delivery)
      say()
    },
    end(state, account, reason) {
      const why = reason === undefined ? '' : `: ${reason}`
      setCurrentDetails(
        [
          `**${state}, since ${minuteOf(new Date())}${why}**`,
          '',
          ...(account ? accountTable(account) : ['Nothing was sent.']),
        ].join('\n'),
      )
    },
  }
}
