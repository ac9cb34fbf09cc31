import {
  bigint,
  boolean,
  customType,
  datetime,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  tinyint,
  uniqueIndex,
} from 'drizzle-orm/mysql-core'
import { now } from './clock.ts'

/**
 * ASCII text compared byte by byte. Drizzle has no notion of a collation, and the servers'
 * defaults differ and ignore case.
 */
const asciiText = customType<{ data: string; config: { length: number } }>({
  dataType: (config) => `varchar(${config?.length ?? 255}) character set ascii collate ascii_bin`,
})

/** Says its character set, so that a database made with another default stores any header. */
const unicodeText = customType<{ data: string; config: { length: number } }>({
  dataType: (config) => `varchar(${config?.length ?? 255}) character set utf8mb4`,
})

/** 32 raw bytes; a type of its own, since drizzle takes `binary` for text. */
const sha256 = customType<{ data: Buffer }>({ dataType: () => 'binary(32)' })

const id = () => bigint('id', { mode: 'number', unsigned: true }).autoincrement().primaryKey()

/** A moment in UTC with milliseconds; by default the database's own clock, one for all instances. */
const moment = (name: string) => datetime(name, { mode: 'date', fsp: 3 })

export const users = mysqlTable(
  'users',
  {
    id: id(),
    /** As it was registered. */
    username: asciiText('username', { length: 80 }).notNull(),
    /** In lower case: the same name in another case is the same account. */
    usernameKey: asciiText('username_key', { length: 80 }).notNull(),
    passwordHash: asciiText('password_hash', { length: 60 }).notNull(),
    role: mysqlEnum('role', ['user', 'admin']).notNull().default('user'),
    disabled: boolean('disabled').notNull().default(false),
    /** One more with each change that a client asked for: the ETag of the account. */
    version: int('version', { unsigned: true }).notNull().default(1),
    createdAt: moment('created_at').notNull().default(now),
    updatedAt: moment('updated_at')
      .notNull()
      .default(now)
      .$onUpdateFn(() => now),
  },
  (table) => [
    uniqueIndex('users_username_key').on(table.usernameKey),
    index('users_role').on(table.role, table.usernameKey),
    index('users_disabled').on(table.disabled, table.usernameKey),
  ],
)

export type Role = (typeof users.$inferSelect)['role']

/**
 * Accounts that `gatehouse seed` made for load tests. What they own goes with them, so that this
 * alone tells what is to be cleared.
 */
export const seededUsers = mysqlTable('seeded_users', {
  userId: bigint('user_id', { mode: 'number', unsigned: true })
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
})

export const sessions = mysqlTable(
  'sessions',
  {
    /** Public: names the session to its owner. It opens nothing. */
    id: id(),
    /** SHA-256 of the id in the cookie, so that a copy of this table opens no session. */
    digest: sha256('digest').notNull(),
    userId: bigint('user_id', { mode: 'number', unsigned: true })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    createdAt: moment('created_at').notNull().default(now),
    lastSeenAt: moment('last_seen_at').notNull().default(now),
    expiresAt: moment('expires_at').notNull(),
    address: asciiText('address', { length: 45 }),
    userAgent: unicodeText('user_agent', { length: 255 }),
  },
  (table) => [
    uniqueIndex('sessions_digest').on(table.digest),
    index('sessions_user_id').on(table.userId),
    index('sessions_expires_at').on(table.expiresAt),
    index('sessions_last_seen_at').on(table.lastSeenAt),
  ],
)

export const tokens = mysqlTable(
  'tokens',
  {
    id: id(),
    /** SHA-256 of the token itself, which is shown once and never stored. */
    digest: sha256('digest').notNull(),
    userId: bigint('user_id', { mode: 'number', unsigned: true })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: unicodeText('name', { length: 100 }).notNull(),
    createdAt: moment('created_at').notNull().default(now),
    expiresAt: moment('expires_at'),
    lastUsedAt: moment('last_used_at'),
  },
  (table) => [
    uniqueIndex('tokens_digest').on(table.digest),
    index('tokens_user_id').on(table.userId),
    index('tokens_expires_at').on(table.expiresAt),
  ],
)

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
] as const

export type EventType = (typeof EVENT_TYPES)[number]

/** The audit trail. No foreign keys: it outlives the accounts that it tells of. */
export const events = mysqlTable(
  'events',
  {
    /** Taken from `event_counter`: in the order of commits, so that a reader can't miss one. */
    id: bigint('id', { mode: 'number', unsigned: true }).primaryKey(),
    at: moment('at').notNull().default(now),
    type: asciiText('type', { length: 40 }).$type<EventType>().notNull(),
    outcome: mysqlEnum('outcome', ['success', 'failure']).notNull(),
    /** Who did it: null where nobody was known. */
    actorId: bigint('actor_id', { mode: 'number', unsigned: true }),
    /** To whose account. */
    userId: bigint('user_id', { mode: 'number', unsigned: true }),
    address: asciiText('address', { length: 45 }),
    requestId: asciiText('request_id', { length: 64 }),
    /** What else there is to know, as JSON. Never a secret. */
    detail: unicodeText('detail', { length: 1_000 }),
    /** How often it happened: failed logins of an account in a minute share a row. */
    count: int('count', { unsigned: true }).notNull().default(1),
    /** Unique to the events that share a row; null for those that don't. */
    bucket: asciiText('bucket', { length: 64 }),
  },
  (table) => [
    uniqueIndex('events_bucket').on(table.bucket),
    index('events_at').on(table.at),
    // Each ends with the primary key, so that a filtered list is read in its order.
    index('events_type').on(table.type),
    index('events_user_id').on(table.userId),
  ],
)

/** One row: whoever holds its lock is the only one about to commit an event. */
export const eventCounter = mysqlTable('event_counter', {
  id: tinyint('id').primaryKey(),
  lastId: bigint('last_id', { mode: 'number', unsigned: true }).notNull(),
})

/** Consecutive failed logins, by account and address range, and by account alone. */
export const loginFailures = mysqlTable(
  'login_failures',
  {
    /** SHA-256 of what is counted: names that exist are not told from those that don't. */
    key: sha256('key').primaryKey(),
    failures: int('failures').notNull(),
    lastAt: moment('last_at').notNull(),
    blockedUntil: moment('blocked_until').notNull(),
  },
  (table) => [index('login_failures_last_at').on(table.lastAt)],
)
