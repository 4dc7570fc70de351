// What Temporal Web tells of a delivery by itself: the state as a search attribute, progress as details.
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow'
import { type Gate, type ShownState } from '../domain/delivery.ts'
import { type CarriedDelivery, stateAttribute } from './messages.ts'

/** Shows the state in lists and filters. */
export function showState(state: ShownState): void {
  upsertSearchAttributes([{ key: stateAttribute, value: state }])
}

/** Shows progress as Markdown on the workflow's page. */
export function showDetails(
  delivery: CarriedDelivery,
  position: Gate['position'],
  doing: string,
): void {
  const { nextPage, pageCount } = delivery
  setCurrentDetails(
    [
      `**${position === 'open' ? doing : position}**, round ${delivery.round}, ${delivery.planned} recipients planned`,
      '',
      `| lane | pages started | of |`,
      `| --- | --- | --- |`,
      `| multicast | ${nextPage.multicast} | ${pageCount.multicast} |`,
      `| push | ${nextPage.push} | ${pageCount.push} |`,
      '',
      `${delivery.unresolvedRequests} requests left to the next round`,
    ].join('\n'),
  )
}
