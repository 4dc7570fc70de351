// A small reference model of a delivery: what it does next, without Temporal, time or concurrency.
import { type EndState, type Gate, laterGate, shownState } from '../../domain/delivery.ts'
import { type Lane, lanes } from '../../domain/lane.ts'

/** What a delivery is made of. */
export interface ModelPlan {
  pages: Record<Lane, number>
  batchesPerPage: number
  /** Pages after which a run continues as new. */
  pagesPerRun: number
}

/** How an activity that is under way may end. */
export type ModelAnswer =
  | 'well'
  /** The attempt fails, and Temporal tries again. */
  | 'fails'
  /** freezeAudience refuses the segment; checkQuota has no room; reconcile finds a difference. */
  | 'badly'
  /** sendBatch only. */
  | 'unresolved'
  | 'again'
  | 'stopped'
  | 'held'
  /** planRound only: its round is due in an hour. */
  | 'late'

export type Operation = 'pause' | 'resume' | 'cancel'

interface Page {
  lane: Lane
  pageNo: number
  gate: Gate
  /** Batches whose activity is under way. */
  sending: Set<number>
  /** Batches that wait for the page's gate to open. */
  waiting: number[]
}

/** A place for a page of a lane; with a number where that page has to be begun again. */
interface Slot {
  lane: Lane
  again?: number
}

/** Pages at once, as in workflows/run-pages.ts. */
const pagesAtOnce: Readonly<Record<Lane, number>> = { multicast: 3, push: 2 }
const positionAfter = { pause: 'paused', resume: 'open', cancel: 'cancelled' } as const

/** Name of an activity that sends a batch. */
export function sendName(lane: Lane, round: number, batchNo: number): string {
  return `${lane}/${round}/${batchNo}`
}

export class DeliveryModel {
  /** The gate in the store, and as the workflow knows it. */
  store: Gate = { position: 'open', seq: 0 }
  known: Gate = { position: 'open', seq: 0 }
  phase: 'freezing' | 'sending' | 'reconciling' | EndState = 'freezing'
  /** What it is at, below the phase. */
  at:
    | 'before freezing'
    | 'freezeAudience'
    | 'checkQuota'
    | 'before sending'
    | 'pages'
    | 'before continuing'
    | 'planRound'
    | 'waiting for a round'
    | 'reconcile'
    | 'wrong account'
    | 'over' = 'before freezing'
  /** Batches by outcome of their last round. */
  done = new Set<string>()
  unresolved = new Set<string>()
  /** sendBatch activities that were scheduled. */
  sends = 0
  runs = 1
  round = 0
  pages: Page[] = []
  readonly plan: ModelPlan
  #slots: Slot[] = []
  #nextPage: Record<Lane, number> = { multicast: 0, push: 0 }
  #startedInRun = 0
  /** Batches of the round, in the order of their pages. */
  #batches: Record<Lane, number[]>
  #sentInRound = new Set<string>()
  #closed = false

  constructor(plan: ModelPlan, gate?: Gate) {
    this.plan = plan
    const batchesOf = (lane: Lane) =>
      Array.from({ length: plan.pages[lane] * plan.batchesPerPage }, (_, i) => i)
    this.#batches = { multicast: batchesOf('multicast'), push: batchesOf('push') }
    if (gate) this.store = gate
    this.#hear(this.store)
    this.#goOn()
  }

  /** Activities that are under way, in order of their names. */
  underWay(): string[] {
    const sending = this.pages.flatMap((page) =>
      [...page.sending].map((batchNo) => sendName(page.lane, this.round, batchNo)),
    )
    const own = ['freezeAudience', 'checkQuota', 'planRound', 'reconcile'].filter(
      (name) => name === this.at,
    )
    return [...own, ...sending].sort()
  }

  isOver(): boolean {
    return this.at === 'over'
  }

  /** What an operator is shown, and what an update answers. */
  shown(gate = this.known) {
    return shownState({ phase: this.phase, gate: gate.position, isInterrupted: false })
  }

  /** An order to the workflow; `seq` as in OperatorRequest. */
  order(operation: Operation, by: string, seq?: number): { state: string; gate: Gate } {
    const isToldOnly = seq !== undefined && operation !== 'resume'
    if (!isToldOnly && (seq === undefined || seq === this.store.seq))
      this.moveInStore(positionAfter[operation], by)
    const answer = { state: this.shown(this.store), gate: this.store }
    this.#hear(this.store)
    this.#goOn()
    return answer
  }

  /** Moves the gate where the workflow doesn't hear of it. */
  moveInStore(position: Gate['position'], by: string, why = by): void {
    if (this.store.position === 'cancelled' || this.store.position === position) return
    this.store = { position, seq: this.store.seq + 1, by, why }
  }

  /** The page's workflow is terminated or cancelled in Temporal. */
  terminate(page: Page): void {
    this.pages = this.pages.filter((open) => open !== page)
    if (this.known.position !== 'cancelled') this.#pauseItself()
    this.#slots.push({ lane: page.lane, again: page.pageNo })
    this.#goOn()
  }

  /** An activity that is under way comes to its end. */
  answer(name: string, answer: ModelAnswer): void {
    if (answer === 'fails') this.#tryAgain(name)
    else {
      if (name === 'freezeAudience') this.#frozen(answer)
      else if (name === 'checkQuota') this.#quotaChecked(answer)
      else if (name === 'planRound') this.#roundPlanned(answer)
      else if (name === 'reconcile') this.#reconciled(answer)
      else this.#sent(name, answer)
    }
    this.#goOn()
  }

  /** Workers that send end: Temporal tries all again that was under way in them. */
  killLanes(): void {
    for (const name of this.underWay()) if (this.underWay().includes(name)) this.#tryAgain(name)
    this.#goOn()
  }

  /** The next attempt of a batch looks at the gate in the store again. */
  #tryAgain(name: string): void {
    if (name.includes('/') && this.store.position !== 'open') this.#sent(name, 'held')
  }

  #frozen(answer: ModelAnswer): void {
    if (answer === 'badly') this.#end('failed before send')
    else this.at = 'checkQuota'
  }

  #quotaChecked(answer: ModelAnswer): void {
    if (answer === 'badly') this.#pauseItself()
    this.at = 'before sending'
  }

  #roundPlanned(answer: ModelAnswer): void {
    if (this.unresolved.size === 0) this.#reconcile()
    else if (answer === 'late') this.at = 'waiting for a round'
    else this.#beginRound()
  }

  #reconciled(answer: ModelAnswer): void {
    if (answer === 'badly') {
      this.#pauseItself()
      this.at = 'wrong account'
    } else if (this.#closed) this.#end('cancelled during send')
    else this.#end(this.unresolved.size === 0 ? 'done' : 'done with failures')
  }

  #sent(name: string, answer: ModelAnswer): void {
    const [lane, , batchNo] = name.split('/')
    const batch = Number(batchNo)
    const page = this.pages.find((open) => open.lane === lane && open.sending.has(batch))
    if (!page) throw new Error(`The model does not send ${name}.`)
    page.sending.delete(batch)
    const batchName = `${page.lane}/${batch}`
    if (answer === 'held') this.#hold(page, batch)
    else if (answer === 'again' || answer === 'stopped') this.#send(page, batch)
    else {
      this.#sentInRound.add(batchName)
      if (answer === 'unresolved') this.unresolved.add(batchName)
      else {
        this.unresolved.delete(batchName)
        this.done.add(batchName)
      }
    }
  }

  #send(page: Page, batchNo: number): void {
    if (page.gate.position === 'cancelled') return
    if (page.gate.position === 'paused') {
      page.waiting.push(batchNo)
      return
    }
    this.sends += 1
    // What was finished in this round is finished at once.
    if (this.store.position === 'open') {
      if (!this.#sentInRound.has(`${page.lane}/${batchNo}`)) page.sending.add(batchNo)
    } else this.#hold(page, batchNo)
  }

  /** A page hears of the gate from its batch, and tells the delivery. */
  #hold(page: Page, batchNo: number): void {
    if (this.store.seq >= page.gate.seq) {
      this.#tell(page, this.store)
      this.#hear(this.store)
    }
    this.#send(page, batchNo)
  }

  #pauseItself(): void {
    this.moveInStore('paused', 'LFM')
    this.#hear(this.store)
  }

  #hear(gate: Gate): void {
    if (gate.seq <= this.known.seq) return
    this.known = gate
    for (const page of this.pages) {
      this.#tell(page, gate)
      for (const batchNo of page.waiting.splice(0)) this.#send(page, batchNo)
    }
  }

  /** A page ends its batches when it hears of a cancel. */
  #tell(page: Page, gate: Gate): void {
    page.gate = laterGate(page.gate, gate)
    if (page.gate.position === 'cancelled') page.sending.clear()
  }

  #startRun(): void {
    this.phase = 'sending'
    this.at = 'pages'
    this.#startedInRun = 0
    for (const lane of lanes) for (let i = 0; i < pagesAtOnce[lane]; i++) this.#slots.push({ lane })
  }

  #beginRound(): void {
    this.round += 1
    this.#sentInRound.clear()
    this.#nextPage = { multicast: 0, push: 0 }
    for (const lane of lanes)
      this.#batches[lane] = [...this.unresolved]
        .filter((name) => name.startsWith(lane))
        .map((name) => Number(name.split('/')[1]))
        .sort((a, b) => a - b)
    this.#startRun()
  }

  #pageCount(lane: Lane): number {
    return Math.ceil(this.#batches[lane].length / this.plan.batchesPerPage)
  }

  #isLeft(): boolean {
    return lanes.some((lane) => this.#nextPage[lane] < this.#pageCount(lane))
  }

  #openPage(lane: Lane, pageNo: number): void {
    const page: Page = {
      lane,
      pageNo,
      gate: laterGate(this.known, this.store),
      sending: new Set(),
      waiting: [],
    }
    this.pages.push(page)
    const { batchesPerPage } = this.plan
    const first = pageNo * batchesPerPage
    for (const batchNo of this.#batches[lane].slice(first, first + batchesPerPage))
      this.#send(page, batchNo)
  }

  /** Gives every free place its next page, as far as the run may start more. */
  #fill(): void {
    const isCancelled = this.known.position === 'cancelled'
    for (const { lane, again } of this.#slots.splice(0)) {
      if (again !== undefined && !isCancelled) {
        this.#openPage(lane, again)
        continue
      }
      const mayStart = this.#startedInRun < this.plan.pagesPerRun && !isCancelled
      if (!mayStart || this.#nextPage[lane] >= this.#pageCount(lane)) continue
      this.#startedInRun += 1
      this.#openPage(lane, this.#nextPage[lane]++)
    }
  }

  #reconcile(): void {
    this.#closed = this.known.position === 'cancelled'
    this.phase = 'reconciling'
    this.at = 'reconcile'
  }

  #end(state: EndState): void {
    this.phase = state
    this.at = 'over'
  }

  /** Everything that follows by itself. */
  #goOn(): void {
    for (let before = ''; ;) {
      const now = JSON.stringify([
        this.at,
        this.known.seq,
        this.pages.length,
        this.#slots,
        this.sends,
      ])
      if (now === before) return
      before = now
      this.#step()
    }
  }

  #step(): void {
    const { position } = this.known
    switch (this.at) {
      case 'before freezing':
        if (position === 'cancelled') this.#end('cancelled')
        else if (position === 'open') this.at = 'freezeAudience'
        break
      case 'freezeAudience':
      case 'checkQuota':
        if (position === 'cancelled') this.#end('cancelled')
        break
      case 'before sending':
        if (position === 'cancelled') this.#end('cancelled')
        else if (position === 'open') this.#startRun()
        break
      case 'pages':
        this.#stepPages()
        break
      case 'before continuing':
        if (position === 'cancelled') this.#afterRound()
        else if (position === 'open') {
          this.runs += 1
          this.#startRun()
        }
        break
      case 'waiting for a round':
        if (position === 'cancelled') this.#reconcile()
        break
      case 'wrong account':
        if (position !== 'paused') this.at = 'reconcile'
        break
      case 'planRound':
      case 'reconcile':
      case 'over':
        break
    }
  }

  #stepPages(): void {
    for (const page of this.pages.filter((open) => open.sending.size + open.waiting.length === 0)) {
      this.pages = this.pages.filter((open) => open !== page)
      this.#slots.push({ lane: page.lane })
    }
    if (this.known.position !== 'paused') this.#fill()
    if (this.pages.length > 0 || this.#slots.length > 0) return
    if (this.#isLeft() && this.known.position !== 'cancelled') this.at = 'before continuing'
    else this.#afterRound()
  }

  /** A page may have read of a cancel that the workflow was not told of. */
  #afterRound(): void {
    this.#hear(this.store)
    if (this.known.position === 'cancelled') this.#reconcile()
    else this.at = 'planRound'
  }
}
