import { createHmac } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { digest } from '../../db/digest.ts'
import { seedSessions, seedTokens, seedUsers } from '../../db/queries/seed.ts'
import { createSessionCookie } from '../../plugins/sessions/session-cookie.ts'
import { type Config, splitList } from '../config/config.ts'

/** In one statement: with their secrets, they stay well below the size of a packet. */
const ROWS_AT_ONCE = 1_000
const MS_PER_S = 1_000
/** That of @fastify/session's own: 192 bits, so that a load's cookies are as long as real ones. */
const SESSION_ID_LENGTH = 32
/** By which sessions and tokens are told from others where their owner sees them. */
const LABEL = 'gatehouse seed'

export interface SeedPlan {
  /** Other numbers make other names and secrets. */
  seed: number
  users: number
  /** Spread over the users in turn, as the tokens are. */
  sessions: number
  tokens: number
}

export interface SeededUser {
  id: number
  username: string
}

/** A value of the `Cookie` header, or a token. */
export interface SeededSecret {
  secret: string
  userId: number
}

/** What was just stored. */
export type SeededBatch =
  | { kind: 'users'; rows: SeededUser[] }
  | { kind: 'sessions' | 'tokens'; rows: SeededSecret[] }

export type SeedSecrets = ReturnType<typeof createSeedSecrets>
type Settings = Pick<Config, 'COOKIE_SECURE' | 'SESSION_LIFETIME'> & { SESSION_SECRET: string }

/** What the names of a seed's users begin with, in lower case. */
export function usernamePrefix(seed: number): string {
  return `seed-${seed}-`
}

/** @param index from 0 */
export function usernameOf(seed: number, index: number): string {
  return usernamePrefix(seed) + String(index + 1).padStart(6, '0')
}

/**
 * The secrets of a seed: the same each time on an installation, and on no other, so that whoever
 * knows the seed and not the `SESSION_SECRET` can guess none.
 */
export function createSeedSecrets(seed: number, { SESSION_SECRET, COOKIE_SECURE }: Settings) {
  const secrets = splitList(SESSION_SECRET)
  const { name, signer } = createSessionCookie({ secrets, secure: COOKIE_SECURE })
  // A key of its own: with the first secret the server signs texts that clients have a say in.
  const key = createHmac('sha256', secrets[0] ?? '')
    .update(LABEL)
    .digest()
  const derive = (kind: string, index = 0) =>
    createHmac('sha256', key).update(`${seed} ${kind} ${index}`).digest('base64url')
  return {
    /** Of all users of the seed. */
    password: derive('password'),
    sessionId: (index: number) => derive('session', index).slice(0, SESSION_ID_LENGTH),
    token: (index: number) => `gh_${derive('token', index)}`,
    /** @returns the value of the `Cookie` header by which the server knows a session */
    cookieOf: (sessionId: string) => `${name}=${encodeURIComponent(signer.sign(sessionId))}`,
  }
}

/**
 * Stores the users of a plan, then their sessions and tokens, a thousand at a time.
 *
 * @param passwordHash of the secrets' password
 * @returns each batch once it is stored
 * @throws the database's error if a name is taken
 */
export async function* storeSeed(
  db: Database,
  plan: SeedPlan,
  { SESSION_LIFETIME }: Settings,
  secrets: SeedSecrets,
  passwordHash: string,
): AsyncGenerator<SeededBatch> {
  const lifetimeMs = SESSION_LIFETIME * MS_PER_S
  const ids: number[] = []
  const ownerOf = (index: number) => ids[index % ids.length] ?? 0 // there is one user at least

  for (const indexes of batches(plan.users)) {
    const names = indexes.map((index) => usernameOf(plan.seed, index))
    const made = await seedUsers(db, names, passwordHash)
    for (const { id } of made) ids.push(id)
    yield { kind: 'users', rows: made }
  }
  for (const indexes of batches(plan.sessions)) {
    const made = indexes.map((index) => {
      const sessionId = secrets.sessionId(index)
      return {
        userId: ownerOf(index),
        digest: digest(sessionId),
        secret: secrets.cookieOf(sessionId),
      }
    })
    await seedSessions(db, made, { lifetimeMs, userAgent: LABEL })
    yield { kind: 'sessions', rows: made }
  }
  for (const indexes of batches(plan.tokens)) {
    const made = indexes.map((index) => {
      const secret = secrets.token(index)
      return { userId: ownerOf(index), digest: digest(secret), secret }
    })
    await seedTokens(db, made, { lifetimeMs, name: LABEL })
    yield { kind: 'tokens', rows: made }
  }
}

/** The numbers from 0 to `count` - 1, some at a time. */
function* batches(count: number): Generator<number[]> {
  for (let start = 0; start < count; start += ROWS_AT_ONCE) {
    const length = Math.min(ROWS_AT_ONCE, count - start)
    yield Array.from({ length }, (_, index) => start + index)
  }
}
