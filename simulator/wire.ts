// Which retry keys are on the wire: between a call's headers and its answer, or the end of its connection.
import { type Socket } from 'node:net'
import { type Call } from './calls.ts'
import { type Channel } from './channels.ts'
import { type World } from './world.ts'

export interface Wire {
  /** Ties the call to its connection, so that a client that goes away ends the call. */
  watch(socket: Socket, call: Call): void
  /** Notes the call's key as on the wire, and the violation if it was there already. */
  enter(channel: Channel, call: Call): void
  leave(call: Call): void
}

export function createWire(world: World): Wire {
  const callOf = new WeakMap<Socket, Call>()
  const entered = new Map<Call, Channel>()

  function leave(call: Call) {
    const channel = entered.get(call)
    if (channel === undefined || call.retryKey === null) return
    entered.delete(call)
    const left = (channel.keysOnWire.get(call.retryKey) ?? 1) - 1
    if (left === 0) channel.keysOnWire.delete(call.retryKey)
    else channel.keysOnWire.set(call.retryKey, left)
  }

  return {
    leave,
    watch(socket, call) {
      const known = callOf.has(socket)
      callOf.set(socket, call)
      if (known) return
      // `end` comes before `close`: a client that has hung up must not seem to hold its key for longer.
      const gone = () => {
        const last = callOf.get(socket)
        if (last === undefined) return
        leave(last)
        world.calls.end(last, null)
      }
      socket.once('end', gone)
      socket.once('close', gone)
    },
    enter(channel, call) {
      if (call.retryKey === null) return
      entered.set(call, channel)
      const others = channel.keysOnWire.get(call.retryKey) ?? 0
      if (others > 0) world.violations.add('key-in-flight-twice', call)
      channel.keysOnWire.set(call.retryKey, others + 1)
    },
  }
}
