import {
  bigint,
  boolean,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  tinyint,
  uniqueIndex,
} from 'drizzle-orm/mysql-core'
import { now } from './clock.ts'
import {
  asciiText,
  id,
  rawBytes,
  sha256,
  timestamp,
  unicodeText,
  utf8Bytes,
  wordList,
} from './columns/types.ts'
import { MAX_KEY_BYTES, MAX_USERNAME_LENGTH } from './usernames.ts'

const usernameKey = () => utf8Bytes('username_key', { length: MAX_KEY_BYTES })

/** bcrypt's 60 characters, or a longer hash of another scheme that was imported. */
const passwordHash = () => asciiText('password_hash', { length: 255 })

export const ROLES = ['user', 'admin'] as const
/** A service account has no password: it acts by tokens that admins make. */
export const KINDS = ['person', 'service'] as const

export const users = mysqlTable(
  'users',
  {
    id: id(),
    /** The name as it was registered or imported. */
    username: unicodeText('username', { length: MAX_USERNAME_LENGTH }).notNull(),
    /** The result of `usernameKey`, so that usernames are unique and case-insensitive. */
    usernameKey: usernameKey().notNull(),
    passwordHash: passwordHash().notNull(),
    kind: mysqlEnum('kind', KINDS).notNull().default('person'),
    role: mysqlEnum('role', ROLES).notNull().default('user'),
    disabled: boolean('disabled').notNull().default(false),
    /** Grows by one with each change by a client. It is the ETag of the account. */
    version: int('version', { unsigned: true }).notNull().default(1),
    /** A session or token with a lower epoch has ended, even while its row still exists. */
    sessionEpoch: int('session_epoch', { unsigned: true }).notNull().default(0),
    tokenEpoch: int('token_epoch', { unsigned: true }).notNull().default(0),
    /** The time of the latest password change by a client; null if there was none. */
    passwordChangedAt: timestamp('password_changed_at'),
    /** The time when a change last ended all sessions. Flask cookies signed before it are refused. */
    sessionsEndedAt: timestamp('sessions_ended_at'),
    /** Addresses and CIDRs that the tokens of a service account may come from; null for any. */
    addressRanges: wordList('address_ranges'),
    createdAt: timestamp('created_at').notNull().default(now),
  },
  (table) => [
    uniqueIndex('users_username_key').on(table.usernameKey),
    index('users_role').on(table.role, table.usernameKey),
    index('users_disabled').on(table.disabled, table.usernameKey),
    index('users_kind').on(table.kind, table.usernameKey),
  ],
)

export type Role = (typeof users.$inferSelect)['role']
export type AccountKind = (typeof users.$inferSelect)['kind']

/**
 * Accounts that `gatehouse import` created, as the source had them at the latest import. A row outlives its
 * account, so that a deleted account is not imported again.
 */
export const importedUsers = mysqlTable(
  'imported_users',
  {
    userId: bigint('user_id', { mode: 'number', unsigned: true }).primaryKey(),
    usernameKey: usernameKey().notNull(),
    /** Whether the source has the account under this id, so that Flask cookies with this id are of this account. */
    keepsId: boolean('keeps_id').notNull(),
    /** The hash in the source, or the hash that the import made of a password in plain text. */
    passwordHash: passwordHash().notNull(),
    role: mysqlEnum('role', ROLES).notNull(),
    importedAt: timestamp('imported_at').notNull().default(now),
  },
  (table) => [index('imported_users_username_key').on(table.usernameKey)],
)

/** Session cookies of the Flask service that were exchanged for a session, or revoked. */
export const usedCookies = mysqlTable(
  'used_cookies',
  {
    /** SHA-256 of the cookie. */
    digest: sha256('digest').primaryKey(),
    /** The digest of the session that the cookie was exchanged for; null if the cookie was revoked. */
    sessionDigest: sha256('session_digest'),
    usedAt: timestamp('used_at').notNull().default(now),
    /** The time when the cookie itself expires. From then on its row is not needed. */
    expiresAt: timestamp('expires_at').notNull(),
  },
  (table) => [index('used_cookies_expires_at').on(table.expiresAt)],
)

/** Accounts that `gatehouse seed` created for load tests, and `gatehouse seed clear` deletes. */
export const seededUsers = mysqlTable('seeded_users', {
  userId: bigint('user_id', { mode: 'number', unsigned: true })
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
})

/** Columns of sessions and tokens. A foreign key would delete all rows of an account at once: decision 11. */
const ownership = () => ({
  userId: bigint('user_id', { mode: 'number', unsigned: true }).notNull(),
  /** The row is live only while its owner exists and has the same epoch. */
  epoch: int('epoch', { unsigned: true }).notNull().default(0),
})

export const sessions = mysqlTable(
  'sessions',
  {
    /** Public: identifies the session to its owner. It does not authenticate. */
    id: id(),
    /** SHA-256 of the secret id in the cookie, so that a copy of this table opens no session. */
    digest: sha256('digest').notNull(),
    ...ownership(),
    createdAt: timestamp('created_at').notNull().default(now),
    lastSeenAt: timestamp('last_seen_at').notNull().default(now),
    expiresAt: timestamp('expires_at').notNull(),
    address: asciiText('address', { length: 45 }),
    userAgent: unicodeText('user_agent', { length: 255 }),
  },
  (table) => [
    uniqueIndex('sessions_digest').on(table.digest),
    index('sessions_user_epoch').on(table.userId, table.epoch),
    index('sessions_expires_at').on(table.expiresAt),
    index('sessions_last_seen_at').on(table.lastSeenAt),
  ],
)

export const tokens = mysqlTable(
  'tokens',
  {
    id: id(),
    /** SHA-256 of the token, which is shown once and never stored. */
    digest: sha256('digest').notNull(),
    ...ownership(),
    name: unicodeText('name', { length: 100 }).notNull(),
    /** What the token may do; null for all that its owner may. */
    scopes: wordList('scopes'),
    createdAt: timestamp('created_at').notNull().default(now),
    expiresAt: timestamp('expires_at'),
    lastUsedAt: timestamp('last_used_at'),
  },
  (table) => [
    uniqueIndex('tokens_digest').on(table.digest),
    index('tokens_user_epoch').on(table.userId, table.epoch),
    index('tokens_expires_at').on(table.expiresAt),
  ],
)

/** Accounts whose ended sessions or tokens still have rows, which the sweeper deletes. */
export const endedAccess = mysqlTable('ended_access', {
  id: id(),
  userId: bigint('user_id', { mode: 'number', unsigned: true }).notNull(),
})

export const EVENT_TYPES = [
  'login',
  'logout',
  'user_created',
  'user_updated',
  'user_deleted',
  'password_changed',
  'session_ended',
  'token_created',
  'token_ended',
  'users_imported',
] as const

export type EventType = (typeof EVENT_TYPES)[number]

/** The audit trail. It has no foreign keys, because it outlives the accounts that it names. */
export const events = mysqlTable(
  'events',
  {
    /** From `event_counter`: in the order of commits, so that a reader cannot miss one. */
    id: bigint('id', { mode: 'number', unsigned: true }).primaryKey(),
    at: timestamp('at').notNull().default(now),
    type: asciiText('type', { length: 40 }).$type<EventType>().notNull(),
    outcome: mysqlEnum('outcome', ['success', 'failure']).notNull(),
    /** The account that acted; null if it is unknown. */
    actorId: bigint('actor_id', { mode: 'number', unsigned: true }),
    /** The account that was acted on. */
    userId: bigint('user_id', { mode: 'number', unsigned: true }),
    address: asciiText('address', { length: 45 }),
    requestId: asciiText('request_id', { length: 64 }),
    /** Details as JSON. Never a secret. */
    detail: unicodeText('detail', { length: 1_000 }),
    /** How many events the row stands for: failures of one minute share a row. */
    count: int('count', { unsigned: true }).notNull().default(1),
    /** The key of a shared row; null for an event with a row of its own. */
    bucket: asciiText('bucket', { length: 64 }),
  },
  (table) => [
    uniqueIndex('events_bucket').on(table.bucket),
    index('events_at').on(table.at),
    // InnoDB appends the primary key, so a filtered list is read in the order of ids.
    index('events_type').on(table.type),
    index('events_user_id').on(table.userId),
  ],
)

/** One row. The transaction that holds its lock is the only one that can commit an event. */
export const eventCounter = mysqlTable('event_counter', {
  id: tinyint('id').primaryKey(),
  lastId: bigint('last_id', { mode: 'number', unsigned: true }).notNull(),
})

/** Work that one process of all does at a time: see db/lease.ts. */
export const leases = mysqlTable('leases', {
  name: asciiText('name', { length: 32 }).primaryKey(),
  /** A random name of the process that holds it. */
  holder: asciiText('holder', { length: 36 }).notNull(),
  /** The time from which another process may take it. */
  expiresAt: timestamp('expires_at').notNull(),
})

/** Attempts to use a password since the last success, by account and address range and by account alone. */
export const loginFailures = mysqlTable(
  'login_failures',
  {
    /** SHA-256 of the name, with or without the range. Existing and unknown names look the same. */
    key: sha256('key').primaryKey(),
    failures: int('failures').notNull(),
    lastAt: timestamp('last_at').notNull(),
    blockedUntil: timestamp('blocked_until').notNull(),
  },
  (table) => [index('login_failures_last_at').on(table.lastAt)],
)

/** Encrypted answers to requests with an `Idempotency-Key`. None has half as many bytes as there is space. */
export const idempotentResponses = mysqlTable(
  'idempotent_responses',
  {
    id: sha256('id').primaryKey(),
    fingerprint: sha256('fingerprint').notNull(),
    response: rawBytes('response', { length: 8_192 }).notNull(),
    expiresAt: timestamp('expires_at').notNull(),
  },
  (table) => [index('idempotent_responses_expires_at').on(table.expiresAt)],
)
