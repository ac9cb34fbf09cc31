import { createHmac } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { digest } from '../../db/digest.ts'
import { analyzeTables, seedSessions, seedTokens, seedUsers } from '../../db/queries/seed.ts'
import { createTokenFormat, TOKEN_RANDOM_BYTES } from '../../plugins/auth/token-format.ts'
import { createSessionCookie } from '../../plugins/sessions/session-cookie.ts'
import { type Config, splitList } from '../config/config.ts'
import { deriveKeys, TOKEN_KEY_PURPOSE } from '../config/keys.ts'

/** Rows in one statement, which must fit into a packet of the database. */
const BATCH_SIZE = 1_000
const MS_PER_S = 1_000
/** The length of the ids of @fastify/session, so that the cookies are as long as real ones. */
const SESSION_ID_LENGTH = 32
/** Marks the sessions and tokens in the lists that their owner sees. */
const LABEL = 'gatehouse seed'

export interface SeedPlan {
  /** Another number creates other names and secrets. */
  seed: number
  users: number
  /** Assigned to the users in turn, as are the tokens. */
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

/** Rows that were just stored. */
export type SeededBatch =
  | { kind: 'users'; rows: SeededUser[] }
  | { kind: 'sessions' | 'tokens'; rows: SeededSecret[] }

export type SeedSecrets = ReturnType<typeof createSeedSecrets>
type Settings = Pick<Config, 'COOKIE_SECURE' | 'SESSION_LIFETIME'> & { SESSION_SECRET: string }

/** @returns the beginning of the usernames of a seed, in lower case */
export function usernamePrefix(seed: number): string {
  return `seed-${seed}-`
}

/** @param index from 0 */
export function usernameOf(seed: number, index: number): string {
  return usernamePrefix(seed) + String(index + 1).padStart(6, '0')
}

/**
 * Derives the secrets of a seed from its number and `SESSION_SECRET`. They are the same each time,
 * and cannot be guessed without `SESSION_SECRET`.
 */
export function createSeedSecrets(seed: number, { SESSION_SECRET, COOKIE_SECURE }: Settings) {
  const secrets = splitList(SESSION_SECRET)
  const { pairOf } = createSessionCookie({ secrets, secure: COOKIE_SECURE })
  const [key = ''] = deriveKeys(secrets, LABEL)
  const tokenFormat = createTokenFormat(deriveKeys(secrets, TOKEN_KEY_PURPOSE))
  const deriveBytes = (kind: string, index = 0) =>
    createHmac('sha256', key).update(`${seed} ${kind} ${index}`).digest()
  const derive = (kind: string, index?: number) => deriveBytes(kind, index).toString('base64url')
  return {
    /** All users of the seed have this password. */
    password: derive('password'),
    sessionId: (index: number) => derive('session', index).slice(0, SESSION_ID_LENGTH),
    token: (index: number) =>
      tokenFormat.create(deriveBytes('token', index).subarray(0, TOKEN_RANDOM_BYTES)),
    /** @returns the value of the `Cookie` header for a session */
    cookieOf: pairOf,
  }
}

/**
 * Stores the users of a plan, then their sessions and tokens, in batches.
 *
 * @param passwordHash the hash of `secrets.password`
 * @returns each batch once it is stored
 * @throws the error of the database if a username is taken
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
  const ownerOf = (index: number) => ids[index % ids.length] ?? 0 // a plan has at least one user

  for (const indexes of batches(plan.users)) {
    const names = indexes.map((index) => usernameOf(plan.seed, index))
    const rows = await seedUsers(db, names, passwordHash)
    for (const { id } of rows) ids.push(id)
    yield { kind: 'users', rows }
  }
  for (const indexes of batches(plan.sessions)) {
    const rows = indexes.map((index) => {
      const sessionId = secrets.sessionId(index)
      return {
        userId: ownerOf(index),
        digest: digest(sessionId),
        secret: secrets.cookieOf(sessionId),
      }
    })
    await seedSessions(db, rows, { lifetimeMs, userAgent: LABEL })
    yield { kind: 'sessions', rows }
  }
  for (const indexes of batches(plan.tokens)) {
    const rows = indexes.map((index) => {
      const secret = secrets.token(index)
      return { userId: ownerOf(index), digest: digest(secret), secret }
    })
    await seedTokens(db, rows, { lifetimeMs, name: LABEL })
    yield { kind: 'tokens', rows }
  }
  await analyzeTables(db)
}

/** Yields the numbers from 0 to `count` - 1 in batches. */
function* batches(count: number): Generator<number[]> {
  for (let start = 0; start < count; start += BATCH_SIZE) {
    const length = Math.min(BATCH_SIZE, count - start)
    yield Array.from({ length }, (_, index) => start + index)
  }
}
