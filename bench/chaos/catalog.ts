// All kinds of faults that chaos draws from.
import { endingKinds } from './ending.ts'
import { type FaultKind } from './fault.ts'
import { killKinds } from './kills.ts'
import { lineKinds } from './line-faults.ts'
import { operatorKinds } from './operator-faults.ts'
import { outageKinds } from './outages.ts'
import { recipientKinds } from './recipient-faults.ts'
import { workerKinds } from './worker-faults.ts'

export const kinds: readonly FaultKind[] = [
  ...killKinds,
  ...workerKinds,
  ...outageKinds,
  ...lineKinds,
  ...recipientKinds,
  ...operatorKinds,
  ...endingKinds,
]
