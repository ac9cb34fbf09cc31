import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Accounts, COST } from '../database.ts'
import { drive, type Figures, type Request } from '../load/load.ts'
import { logins, reads, registrations } from '../load/requests.ts'
import { type Context, ratiosOf, run, type Scenario, spreadOf, toRow } from '../measure.ts'
import { withServers } from '../servers.ts'

const AT_ONCE = 16
const HASHES_AT_ONCE = 1
const SETTINGS = { HASH_CONCURRENCY: String(HASHES_AT_ONCE) }
const FLOOD_PER_S = 50
const READS_BESIDE_FLOOD = 16
/** The rate of reads: a p99 needs thousands of them, whatever their speed. */
const READS_PER_S = 1_000

export const login = hashed('login', logins)
export const register = hashed('register', registrations)

/** Hashes through the server. The ratio is to a process that only hashes. */
function hashed(operation: string, requests: (accounts: Accounts) => Request[]): Scenario {
  return (context, { small }) => {
    const server = { program: 'gatehouse', url: small.url, cores: context.cores?.wide } as const
    return withServers([{ ...server, settings: SETTINGS }], async ([own]) => {
      const figures: Figures[] = []
      const ratios: number[] = []
      for (let pair = 1; pair <= context.pairs; pair++) {
        context.progress(`${operation}: ${pair} of ${context.pairs}`)
        const load = { connections: AT_ONCE, requests: requests(small) }
        const measured = await run(context, { server: own, load })
        figures.push(measured)
        ratios.push(measured.requestsPerSecond / hashesPerSecond(context))
      }
      const named = `${operation}, cost ${COST} (ratio: to hashing alone)`
      return [{ ...toRow(named, figures), rateRatio: spreadOf(ratios) }]
    })
  }
}

function hashesPerSecond({ cores, seconds }: Context): number {
  const script = fileURLToPath(new URL('../programs/hash-rate.ts', import.meta.url))
  const args = [script, String(HASHES_AT_ONCE), String(COST), String(seconds)]
  const command = [process.execPath, '--import', 'tsx', ...args]
  const [file = '', ...rest] = cores ? ['taskset', '-c', cores.wide, ...command] : command
  return Number(execFileSync(file, rest, { encoding: 'utf8' }))
}

/** Reads at a steady rate, alternately without and during a flood of logins. */
export const flood: Scenario = (context, { small }) => {
  const { cores, pairs, seconds } = context
  const server = { program: 'gatehouse', url: small.url, cores: cores?.wide } as const
  return withServers([{ ...server, settings: SETTINGS }], async ([own]) => {
    const reading = {
      connections: READS_BESIDE_FLOOD,
      rate: READS_PER_S,
      requests: reads(small),
    }
    const flooding = { connections: 200, rate: FLOOD_PER_S, requests: logins(small) }
    const alone: Figures[] = []
    const beside: Figures[] = []
    const floods: Figures[] = []
    for (let pair = 1; pair <= pairs; pair++) {
      context.progress(`flood: ${pair} of ${pairs}`)
      alone.push(await run(context, { server: own, load: reading }))
      const flood = drive(context, own, { ...flooding, seconds: seconds + 2 })
      await sleep(1_000) // the process of the load starts, and the hash queue fills
      beside.push(await run(context, { server: own, load: reading }))
      floods.push(await flood)
    }
    return [
      toRow(`read, ${READS_PER_S} a second`, alone),
      {
        ...toRow('the same during a flood of logins', beside),
        p99Ratio: ratiosOf(beside, alone, 'p99'),
      },
      toRow(`the flood, ${FLOOD_PER_S} a second`, floods),
    ]
  })
}
