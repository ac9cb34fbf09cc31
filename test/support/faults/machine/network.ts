import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { undoAtExit } from './at-exit.ts'

const TIME_WAIT = '06'

export type Network = NonNullable<ReturnType<typeof createNetwork>>

/**
 * Creates a network namespace with an interface between it and this machine, whose packets can be
 * dropped. It is deleted after the test.
 *
 * @returns undefined where the machine does not allow it
 */
export function createNetwork(t: { after(undo: () => void): void }) {
  const name = `gatehouse-${process.pid}`
  const [outer, inner] = [`gth${process.pid}a`, `gth${process.pid}b`]
  // The range of RFC 2544, which no network routes.
  const subnet = `198.18.${process.pid % 256}`
  const first = ((process.pid >> 8) % 64) * 4
  const [here, there] = [`${subnet}.${first + 1}`, `${subnet}.${first + 2}`]
  t.after(undoAtExit(() => run('ip', 'netns', 'del', name)))
  try {
    run('ip', 'netns', 'add', name)
    run('ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name)
    run('ip', 'addr', 'add', `${here}/30`, 'dev', outer)
    run('ip', 'link', 'set', outer, 'up')
    run('ip', '-n', name, 'addr', 'add', `${there}/30`, 'dev', inner)
    run('ip', '-n', name, 'link', 'set', inner, 'up')
    run('ip', '-n', name, 'link', 'set', 'lo', 'up')
  } catch {
    return undefined
  }
  const discipline = (...change: string[]) => {
    run('tc', 'qdisc', change[0] ?? '', 'dev', outer, 'root', ...change.slice(1))
    const inside = ['netns', 'exec', name, 'tc', 'qdisc', change[0] ?? '', 'dev', inner, 'root']
    run('ip', ...inside, ...change.slice(1))
  }
  return {
    /** Of this machine, as the namespace reaches it. */
    outside: here,
    address: there,
    wrapper: ['ip', 'netns', 'exec', name],
    /** Drops all packets in both directions: a queue without a place. Nobody gets a FIN or an ICMP. */
    drop: () => discipline('replace', 'pfifo', 'limit', '0'),
    restore: () => discipline('del'),
  }
}

/** @returns how many sockets of this machine are connected, or connect, to a port of an address */
export function connectionsTo(address: string, port: number): number {
  const octets = address.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'))
  const remote = `${octets.reverse().join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2] === remote && fields[3] !== TIME_WAIT).length
}

function run(command: string, ...parameters: string[]): void {
  execFileSync(command, parameters, { stdio: 'ignore' })
}
