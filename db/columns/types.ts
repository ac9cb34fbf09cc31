import { bigint, customType } from 'drizzle-orm/mysql-core'
import { toIsoTimestamp } from '../clock.ts'

/**
 * ASCII text, compared byte by byte. Drizzle cannot express a collation, and the servers' default
 * collations differ and are case-insensitive.
 */
export const asciiText = customType<{ data: string; config: { length: number } }>({
  dataType: (config) => `varchar(${config?.length ?? 255}) character set ascii collate ascii_bin`,
})

/** Names its character set, because a database may have a default that cannot store every header. */
export const unicodeText = customType<{ data: string; config: { length: number } }>({
  dataType: (config) => `varchar(${config?.length ?? 255}) character set utf8mb4`,
})

/** Text as UTF-8 bytes, compared byte by byte: a collation for text would ignore spaces at the end. */
export const utf8Bytes = customType<{
  data: string
  driverData: Buffer
  config: { length: number }
}>({
  dataType: (config) => `varbinary(${config?.length ?? 255})`,
  fromDriver: (bytes) => bytes.toString(),
  toDriver: (text) => Buffer.from(text),
})

export const rawBytes = customType<{ data: Buffer; config: { length: number } }>({
  dataType: (config) => `varbinary(${config?.length ?? 255})`,
})

/** 32 raw bytes. Drizzle's own `binary` is text. */
export const sha256 = customType<{ data: Buffer }>({ dataType: () => 'binary(32)' })

export const id = () =>
  bigint('id', { mode: 'number', unsigned: true }).autoincrement().primaryKey()

/**
 * A timestamp in UTC with milliseconds, as the text of ISO 8601 that responses have. The default is
 * the database's clock, which all instances share.
 */
export const timestamp = customType<{ data: string; driverData: string }>({
  dataType: () => 'datetime(3)',
  fromDriver: toIsoTimestamp,
  toDriver: (iso) => iso.replace('T', ' ').replace('Z', ''),
})

/** A list of ASCII words without spaces, stored with a space between them. 1,000 characters at most. */
export const wordList = customType<{ data: readonly string[]; driverData: string }>({
  dataType: () => 'varchar(1000) character set ascii collate ascii_bin',
  fromDriver: (text) => text.split(' '),
  toDriver: (words) => words.join(' '),
})
