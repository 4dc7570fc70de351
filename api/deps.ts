// What the API is made of: the parts that `createApp` is given.
import { type Logger } from 'pino'
import { type LinePort } from '../line/port.ts'
import { type Store } from '../store/store.ts'
import { type Warehouse } from '../warehouse/port.ts'
import { type ProblemError } from './problem.ts'
import { type SeenFailures } from './seen-failures.ts'
import { type DeliveryWorkflows } from './temporal.ts'
import { type DeliveryWatch } from './watch.ts'

/** What reading a content's messages gave: its variables, or what is wrong with it, by pointers into the messages. */
export type ContentCheck =
  { kind: 'usable'; variables: string[] } | { kind: 'refused'; problems: readonly ProblemError[] }

/** Ports and settings of the API; tests give their own. */
export interface AppParts {
  store: Store
  warehouse: Pick<
    Warehouse,
    'dialect' | 'inspectSegment' | 'recipients' | 'malformedIds' | 'writeList' | 'dropList'
  >
  line: Pick<LinePort, 'forgetChannel'>
  workflows: DeliveryWorkflows
  checkContent: (messages: readonly unknown[]) => ContentCheck
  log: Logger
  /** Aborted when the process begins to end: readiness is withdrawn and streams are ended. */
  closing: AbortSignal
  now?: () => Date
  /** Time between two looks at a delivery that is watched; default 500 ms. */
  watchEveryMs?: number
  /** Bytes that an uploaded list may have; default 100 MB. */
  uploadLimitBytes?: number
}

/** What routes are given. */
export interface ApiDeps extends AppParts {
  watch: DeliveryWatch
  seenFailures: SeenFailures
  now: () => Date
}
