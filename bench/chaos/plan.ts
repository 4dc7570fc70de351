// Draws what a run will be: whom it sends to, how fast, and which faults fall when. A pure function of the seed.
import { kinds as allKinds } from './catalog.ts'
import { type DrawnFault, type Facts, type FaultKind } from './fault.ts'
import { createRandom, type Random } from './random.ts'

export interface PlanOptions {
  recipients: number
  /** Kills of a worker with -9. */
  kills: number
  /** 1 for the lengths of the table; less shortens outages, patience and the delivery itself. */
  scale: number
  /** Names of the kinds to draw from; default all. */
  kinds?: readonly string[]
}

export interface ChaosPlan extends Required<Omit<PlanOptions, 'kinds'>> {
  seed: number
  pushes: number
  /** Recipients that share a text, and so go by multicast together. */
  groupSize: number
  /** How long sending would take if nothing broke. */
  sendingSeconds: number
  callsPerSecond: { multicast: number; push: number }
  faults: DrawnFault[]
}

/** Points in the sending phase lie between these shares of the accepted requests. */
const firstPoint = 0.04
const lastPoint = 0.8
/** Where one fault ends the delivery, the others come earlier. */
const lastPointBeforeEnd = 0.45
const endPoint = 0.55
/** Plans that end so are no use to faults that want everybody sent to. */
const endsEarlyShare = 0.12
const fewestFaults = 4
const mostFaults = 8

/** How long the undisturbed delivery takes at full length, in seconds; a short one still needs time for its faults. */
const sendingSeconds = { from: 60, to: 150, atLeast: 8 }

/** Calls a second. */
const lineAllows = { multicast: 200, push: 2_000 }

/** @throws Error when an option names no kind. */
export function drawPlan(seed: number, options: PlanOptions): ChaosPlan {
  const { recipients, kills, scale } = options
  const kinds = chosenKinds(options.kinds)
  const random = createRandom(seed, 'delivery')
  const pushes = Math.max(1, Math.floor(recipients * (0.03 + 0.04 * random.next())))
  const groupSize = Math.min(random.whole(80, 500), Math.max(10, Math.floor(recipients / 40)))
  const seconds = Math.max(
    sendingSeconds.atLeast,
    random.whole(sendingSeconds.from, sendingSeconds.to) * scale,
  )
  const multicasts = Math.ceil((recipients - pushes) / groupSize)
  const facts = createFacts(createRandom(seed, 'friends'), { recipients, pushes, scale })
  const others = drawOthers(createRandom(seed, 'faults'), kinds)
  // A cancelled delivery ends within a second or two: points of its end can't be met beside other faults.
  const mostOnce = others.some(({ point }) => point === 'end') ? 0 : 2
  const drawn = [...drawKills(createRandom(seed, 'kills'), kinds, kills, mostOnce), ...others].map(
    (kind, i) => ({
      kind,
      fault: kind.draw(createRandom(seed, `${kind.name}/${i}`), facts),
    }),
  )
  return {
    seed,
    recipients,
    kills,
    scale,
    pushes,
    groupSize,
    sendingSeconds: seconds,
    callsPerSecond: {
      multicast: perSecond(multicasts, seconds, lineAllows.multicast),
      push: perSecond(pushes, seconds, lineAllows.push),
    },
    faults: placed(createRandom(seed, 'points'), drawn),
  }
}

const perSecond = (calls: number, seconds: number, most: number) =>
  Math.min(most, Math.max(0.5, Math.round((calls / seconds) * 10) / 10))

function chosenKinds(names: readonly string[] | undefined): FaultKind[] {
  if (!names) return [...allKinds]
  return names.map((name) => {
    const kind = allKinds.find((one) => one.name === name)
    if (kind) return kind
    const known = allKinds.map((one) => one.name).join(', ')
    throw new Error(`There is no kind of fault called ${name}; there are ${known}.`)
  })
}

/** Kills at a point of their own happen at most once each; those in mid-sending as often as it takes. */
function drawKills(
  random: Random,
  kinds: FaultKind[],
  count: number,
  mostOnce: number,
): FaultKind[] {
  const once = random.shuffled(kinds.filter(({ isKill, point }) => isKill && point === 'own'))
  const often = kinds.filter(({ isKill, point }) => isKill && point === 'sending')
  const [first, ...rest] = often
  const taken = once.slice(0, first ? Math.min(mostOnce, Math.floor(count / 2)) : count)
  if (!first) return taken
  while (taken.length < count) taken.push(random.pick([first, ...rest]))
  return taken
}

function drawOthers(random: Random, kinds: FaultKind[]): FaultKind[] {
  const wanted = random.whole(fewestFaults, mostFaults)
  const taken: FaultKind[] = []
  const [end] = random.shuffled(kinds.filter(({ point }) => point === 'end'))
  const isAlone = kinds.every(({ isKill, point }) => isKill || point === 'end')
  if (end && (random.isTrue(endsEarlyShare) || isAlone)) taken.push(end)
  for (const kind of random.shuffled(
    kinds.filter(({ isKill, point }) => !isKill && point !== 'end'),
  )) {
    if (taken.length === wanted) break
    const isExcluded = taken.some(
      (other) => other.excludes.includes(kind.name) || kind.excludes.includes(other.name),
    )
    if (!isExcluded) taken.push(kind)
  }
  return taken
}

/** Gives each fault of the sending phase a point of its own, spread over the phase in a drawn order. */
function placed(
  random: Random,
  drawn: { kind: FaultKind; fault: Omit<DrawnFault, 'at'> }[],
): DrawnFault[] {
  const own = drawn.filter(({ kind }) => kind.point === 'own')
  const sending = random.shuffled(drawn.filter(({ kind }) => kind.point === 'sending'))
  const end = drawn.filter(({ kind }) => kind.point === 'end')
  const last = end.length > 0 ? lastPointBeforeEnd : lastPoint
  const step = (last - firstPoint) / Math.max(1, sending.length)
  return [
    ...own.map(({ fault }): DrawnFault => ({ ...fault, at: 'own' })),
    ...sending.map(({ fault }, i): DrawnFault => {
      const at = firstPoint + step * (i + random.next() * 0.9)
      return { ...fault, at: Math.round(at * 1000) / 1000 }
    }),
    ...end.map(({ fault }): DrawnFault => ({ ...fault, at: endPoint })),
  ]
}

function createFacts(
  random: Random,
  { recipients, pushes, scale }: { recipients: number; pushes: number; scale: number },
): Facts {
  const free = {
    push: random.distinct(Math.min(pushes, 200), 0, pushes),
    multicast: random.distinct(Math.min(recipients - pushes, 200), pushes, recipients),
  }
  return {
    recipients,
    pushes,
    takeFriends: (lane, count) => free[lane].splice(0, count),
    ms: (fullLength) => Math.round(fullLength * scale),
  }
}
