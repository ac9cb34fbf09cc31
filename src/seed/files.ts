import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SeededBatch, SeededSecret, SeededUser } from './data.ts'

/** Vegeta reads all targets before it starts, and more targets do not improve the load. */
const MAX_TARGETS = 10_000
/** In a mixed load, every twentieth request is a login. */
const LOGIN_INTERVAL = 20
/** Each target reads the account that is this many places after the caller's. */
const DISTANCE = 7

const HEADERS = {
  users: 'id,username,password',
  sessions: 'cookie,userId',
  tokens: 'token,userId',
}
const NAMES = { users: 'users.csv', sessions: 'cookies.csv', tokens: 'tokens.csv' }

export interface SeedFilesOptions {
  /** Created if missing, readable by its owner only. */
  folder: string
  /** The server that the targets address, without a trailing slash. */
  url: string
  password: string
}

export type SeedFiles = Awaited<ReturnType<typeof openSeedFiles>>

/**
 * Opens the files that load tools read. They hold secrets, so only their owner may read them. A
 * file gets its name when it is complete; until then, the file of an earlier run stays. No value
 * contains a comma or a quotation mark.
 */
export async function openSeedFiles({ folder, url, password }: SeedFilesOptions) {
  const parts: { part: string; file: string; handle: FileHandle }[] = []
  const users: SeededUser[] = []
  const sessions: SeededSecret[] = []

  await mkdir(folder, { recursive: true, mode: 0o700 })
  const csv = {
    users: await create(NAMES.users),
    sessions: await create(NAMES.sessions),
    tokens: await create(NAMES.tokens),
  }
  for (const kind of ['users', 'sessions', 'tokens'] as const) {
    await csv[kind].write(`${HEADERS[kind]}\n`)
  }

  async function create(name: string): Promise<FileHandle> {
    const file = join(folder, name)
    const part = `${file}.part`
    await rm(part, { force: true }) // a killed process may have left it
    const handle = await open(part, 'wx', 0o600)
    parts.push({ part, file, handle })
    return handle
  }

  async function writeTargets(name: string, targets: Iterable<object>): Promise<void> {
    const handle = await create(name)
    await handle.write([...targets].map((target) => `${JSON.stringify(target)}\n`).join(''))
  }

  function* reads() {
    for (const [index, { secret: cookie }] of sessions.entries()) {
      const { id } = users[(index + DISTANCE) % users.length] ?? {}
      yield { method: 'GET', url: `${url}/user/${id}`, header: { Cookie: [cookie] } }
    }
  }

  function* logins() {
    for (const { username } of users) {
      const body = Buffer.from(JSON.stringify({ username, password })).toString('base64')
      const header = { 'Content-Type': ['application/json'] }
      yield { method: 'POST', url: `${url}/login`, header, body }
    }
  }

  /** A login replaces every twentieth read. */
  function* mixed() {
    const replacements = logins()
    let index = 0
    for (const read of reads()) {
      yield (++index % LOGIN_INTERVAL === 0 && replacements.next().value) || read
    }
  }

  return {
    /** Writes the rows of a batch. */
    async add({ kind, rows }: SeededBatch): Promise<void> {
      if (kind === 'users') {
        keepFirst(users, rows)
        await csv.users.write(
          rows.map(({ id, username }) => `${id},${username},${password}\n`).join(''),
        )
        return
      }
      if (kind === 'sessions') keepFirst(sessions, rows)
      await csv[kind].write(rows.map(({ secret, userId }) => `${secret},${userId}\n`).join(''))
    },

    /** Adds the targets, in vegeta's JSON format, and renames all files to their final names. */
    async finish(): Promise<void> {
      await writeTargets('read.targets', reads())
      await writeTargets('login.targets', logins())
      await writeTargets('mixed.targets', mixed())
      for (const { handle } of parts) await handle.close()
      for (const { part, file } of parts) await rename(part, file)
    },

    /** Deletes everything that was written. */
    async abandon(): Promise<void> {
      for (const { part, handle } of parts) {
        await handle.close()
        await rm(part, { force: true })
      }
    },
  }
}

function keepFirst<Row>(kept: Row[], rows: Row[]): void {
  kept.push(...rows.slice(0, MAX_TARGETS - kept.length))
}
