import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  datetime,
  index,
  mysqlEnum,
  mysqlTable,
  uniqueIndex,
} from 'drizzle-orm/mysql-core'

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
const now = sql`CURRENT_TIMESTAMP(3)`

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
    createdAt: moment('created_at').notNull().default(now),
    updatedAt: moment('updated_at')
      .notNull()
      .default(now)
      .$onUpdateFn(() => now),
  },
  (table) => [uniqueIndex('users_username_key').on(table.usernameKey)],
)

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
  ],
)
