import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { killNow, undoAtExit } from '../machine/at-exit.ts'

export interface FloodResult {
  sent: number
  answered: number
  statuses: Record<string, number>
}

interface Flood {
  connections: number
  requests: number
  seconds: number
  /** Sent one after the other, again and again. */
  heads: string[]
}

/** Floods a server from a process of its own, with pipelined requests. */
export async function flood(t: TestContext, port: number, load: Flood): Promise<FloodResult> {
  const script = fileURLToPath(new URL('flood.js', import.meta.url))
  const numbers = [port, load.connections, load.requests, load.seconds].map(String)
  const child = spawn(process.execPath, [script, ...numbers, JSON.stringify(load.heads)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(
    undoAtExit(() => {
      if (child.exitCode === null && child.signalCode === null) killNow(child.pid)
    }),
  )
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return JSON.parse(output)
}

/** @returns a request without a body */
export function head(path: string, headers: Record<string, string> = {}): string {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** @returns the value below which this share of the values is */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
