// Watches a delivery: server-sent events into a progress bar, over any number of broken connections.
import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { type Client, Unreachable } from './client.ts'
import { type Delivery, doneOf, outcomesText, standingText } from './delivery-text.ts'
import { type Session } from './session.ts'

interface Display {
  show(delivery: Delivery): void
  say(sentence: string): void
  close(): void
}

const err = (line: string) => {
  process.stderr.write(`${line}\n`)
}

/** A bar for a terminal. */
function barDisplay(): Display {
  const bar = new SingleBar({
    format: '{bar} {percentage}%  {value}/{total}  {state}',
    stream: process.stderr,
    hideCursor: true,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    formatValue: (value, _, type) =>
      type === 'percentage' ? String(value) : value.toLocaleString('en'),
  })
  let isStarted = false
  return {
    show(delivery) {
      const { planned } = delivery.progress
      const state = standingText(delivery)
      if (!isStarted) {
        isStarted = true
        bar.start(planned, doneOf(delivery), { state })
      }
      bar.setTotal(planned)
      bar.update(doneOf(delivery), { state })
    },
    say(sentence) {
      if (isStarted) bar.update({ state: sentence })
      else err(sentence)
    },
    close() {
      if (isStarted) bar.stop()
    },
  }
}

/** A line at every change of the state or of what is waited for, and every tenth of the way, for logs and pipes. */
function lineDisplay(): Display {
  let last = ''
  return {
    show(delivery) {
      const { planned } = delivery.progress
      const tenths = planned > 0 ? Math.floor((doneOf(delivery) * 10) / planned) : 0
      // Figures in brackets change all the time; they are no news by themselves.
      const mark = `${standingText(delivery).replace(/ \([^()]*\)$/, '')} ${tenths}`
      if (mark === last) return
      last = mark
      err(`${standingText(delivery)}: ${doneOf(delivery)} of ${planned}; ${outcomesText(delivery)}`)
    },
    say: err,
    close: () => undefined,
  }
}

/** Reads one connection's events; the delivery where it ended, undefined where only the connection did. */
async function readEvents(
  client: Client,
  id: string,
  onProgress: (delivery: Delivery) => void,
): Promise<Delivery | undefined> {
  const body = await client.stream('watchDelivery', { params: { id } })
  const events: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (event) => void events.push(event) })
  const decoder = new TextDecoder()
  try {
    for await (const chunk of body) {
      parser.feed(decoder.decode(chunk, { stream: true }))
      for (const { event, data } of events.splice(0)) {
        const delivery = JSON.parse(data) as Delivery
        onProgress(delivery)
        if (event === 'end') return delivery
      }
    }
  } catch (error) {
    // The connection broke: whoever calls connects again.
    if (!(error instanceof TypeError)) throw error
  }
  return undefined
}

const longestPauseMs = 5_000

/**
 * Resolves with the delivery when it has ended. An API that goes away in between is waited for.
 * @throws Refused, and Unreachable where the first connection could not be made
 */
export async function watchDelivery({ client, json }: Session, id: string): Promise<Delivery> {
  const quiet: Display = { show: () => undefined, say: () => undefined, close: () => undefined }
  const display = json ? quiet : process.stderr.isTTY ? barDisplay() : lineDisplay()
  let pauseMs = 0
  let wasConnected = false
  try {
    for (;;) {
      try {
        const ended = await readEvents(client, id, (delivery) => {
          wasConnected = true
          pauseMs = 0
          display.show(delivery)
        })
        if (ended) return ended
      } catch (error) {
        if (!(error instanceof Unreachable) || !wasConnected) throw error
      }
      display.say('The API is away; trying again. The delivery goes on without it.')
      pauseMs = Math.min(longestPauseMs, Math.max(250, pauseMs * 2))
      await sleep(pauseMs)
    }
  } finally {
    display.close()
  }
}
