import { type ClientPacket, errorPacket } from './packets.ts'

/** What happens to a packet of the client: an answer of the link's own is a Buffer. */
type Verdict = 'pass' | 'swallow' | 'cut' | Buffer

/** How a link treats connections. */
export interface Behaviour {
  /** Resets new connections. */
  refuses: boolean
  swallowsAnswers: boolean
  /** Of each packet of the client. */
  delayMs: number
  decide(packet: ClientPacket): Verdict
}

export const forwarding: Behaviour = {
  refuses: false,
  swallowsAnswers: false,
  delayMs: 0,
  decide: () => 'pass',
}

export const refusing: Behaviour = { ...forwarding, refuses: true }

/** Connections stay open, and nothing passes. */
export const swallowing: Behaviour = {
  ...forwarding,
  swallowsAnswers: true,
  decide: () => 'swallow',
}

/**
 * New connections pass the handshake and some commands, and get no further answer.
 *
 * @param commands 0 for silence after the greeting
 */
export function silentAfter(commands: number): Behaviour {
  return {
    ...forwarding,
    decide: ({ command }) => (command > commands || commands === 0 ? 'swallow' : 'pass'),
  }
}

export function delaying(delayMs: number): Behaviour {
  return { ...forwarding, delayMs }
}

/** Answers matching statements with an error, and passes the others. */
export function failing(statement: RegExp, errno: number, message: string): Behaviour {
  return {
    ...forwarding,
    decide: (packet) => (statement.test(packet.statement) ? errorPacket(errno, message) : 'pass'),
  }
}

/** Closes the connection at matching statements. */
export function cuttingAt(statement: RegExp): Behaviour {
  return {
    ...forwarding,
    decide: (packet) => (statement.test(packet.statement) ? 'cut' : 'pass'),
  }
}
