// lfm delivery watch: to the end of the delivery, over broken connections.
import { createServer, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { lfm } from './support.ts'

const delivery = (state: string, accepted: number) => ({
  id: 'd1',
  campaignId: 'c1',
  occurrence: 'once',
  state,
  phase: state,
  stateReason: null,
  gate: { position: 'open', by: null, why: null, at: null },
  startedBy: 'tests',
  createdAt: '2026-01-01T00:00:00.000Z',
  endedAt: null,
  doing: { what: state, waitsFor: null, since: '2026-01-01T00:00:00.000Z', lastOutcomeAt: null },
  alerts: [],
  plan: null,
  progress: { planned: 10, accepted, rejected: 0, unknown: 0, skipped: 0, unsent: 0 },
  workflowId: 'delivery/d1',
  aggregationUnit: null,
  pauseAtFailedShare: 0.1,
  retry: null,
})

/** An API whose connections go as they are told, one after the other. */
async function api(...connections: ((res: ServerResponse) => void)[]) {
  let served = 0
  const server = createServer((req, res) => {
    const next = connections[served]
    served += 1
    if (!next) throw new Error(`${req.url ?? ''} was asked for too often.`)
    next(res)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    served: () => served,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const event = (kind: string, of: object) => `event: ${kind}\ndata: ${JSON.stringify(of)}\n\n`

const breaking = (res: ServerResponse) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  res.write(event('progress', delivery('sending', 3)), () => res.destroy())
}
const away = (res: ServerResponse) => {
  res.destroy()
}
const ending = (res: ServerResponse) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  res.end(
    `: still here\n\n${event('progress', delivery('sending', 8))}${event('end', delivery('done', 10))}`,
  )
}

test('a watch outlives broken connections and an API that is away', async () => {
  await using server = await api(breaking, away, ending)
  const ran = await lfm(server.url, ['delivery', 'watch', 'd1'])
  expect(ran.code).toBe(0)
  expect(ran.stderr).toContain('sending: 3 of 10')
  expect(ran.stderr).toContain('The API is away; trying again.')
  expect(ran.stdout).toContain('10 accepted')
  expect(server.served()).toBe(3)
})

test('a watch with --json prints the ended delivery and nothing else', async () => {
  await using server = await api(breaking, ending)
  const ran = await lfm(server.url, ['--json', 'delivery', 'watch', 'd1'])
  expect(ran).toMatchObject({ code: 0, stderr: '' })
  expect(ran.json()).toMatchObject({ id: 'd1', state: 'done' })
})

test('a watch of what was never reached is not repeated', async () => {
  await using server = await api(away)
  const ran = await lfm(server.url, ['delivery', 'watch', 'd1'])
  expect(ran.code).toBe(3)
})
