import { createReadStream } from 'node:fs'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { TextDecoderStream } from 'node:stream/web'
import { type Info, parse } from 'csv-parse'
import type { Source, SourceRow } from './source.ts'

type Fields = Partial<Record<string, unknown>>

const FIELDS = ['id', 'username', 'password', 'hash', 'role']
const URL_SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i

const READERS: Partial<Record<string, (file: string) => AsyncIterable<SourceRow>>> = {
  '.ndjson': readNdjson,
  '.jsonl': readNdjson,
  '.csv': readCsv,
}

/**
 * A file of accounts: NDJSON, or CSV with a header (RFC 4180). The fields are `id`, `username`,
 * `password` or `hash`, and `role`. Other fields are ignored.
 *
 * @throws Error if the name of the file has another ending
 */
export function accountFile(file: string): Source {
  // The URL of another database may hold a password, which errors about a file would show.
  const read = URL_SCHEME.test(file) ? undefined : READERS[extname(file).toLowerCase()]
  if (!read) {
    const endings = Object.keys(READERS).join(', ')
    throw new Error(`The source is neither a mysql:// URL nor a file that ends in ${endings}.`)
  }
  return { name: file, rows: () => read(file) }
}

/** Fails at invalid UTF-8: replacing it would change names and passwords. */
function textOf(file: string): Readable {
  const decoder = new TextDecoderStream('utf-8', { fatal: true })
  const { readable, writable } = decoder
  const source = createReadStream(file)
  Readable.toWeb(source)
    .pipeTo(writable)
    .catch(() => undefined) // `readable` fails with the same error
  return Readable.fromWeb(readable)
}

async function* readNdjson(file: string): AsyncGenerator<SourceRow> {
  let line = 0
  for await (const text of createInterface({ input: textOf(file), crlfDelay: Infinity })) {
    line++
    if (text.trim() !== '') yield toRow(`line ${line}`, parseObject(text))
  }
}

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null))
      : undefined
  } catch {
    return undefined
  }
}

/**
 * @throws Error at a quotation mark in the wrong place: it is unclear where the next row begins
 */
async function* readCsv(file: string): AsyncGenerator<SourceRow> {
  const input = textOf(file)
  const parser = parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true })
  input.on('error', (error) => parser.destroy(error))
  let header: string[] | undefined
  for await (const parsed of input.pipe(parser)) {
    const { record, info }: { record: string[]; info: Info } = parsed
    if (header) yield toRow(`line ${info.lines}`, fieldsOf(header, record))
    else header = checkHeader(file, record)
  }
  if (!header) checkHeader(file, [])
}

/** @throws Error if no row could be imported, or a field would have two values */
function checkHeader(file: string, header: string[]): string[] {
  const count = (name: string) => header.filter((other) => other === name).length
  const isComplete = count('username') && count('role') && count('password') + count('hash')
  const isRepeated = FIELDS.some((name) => count(name) > 1)
  if (isComplete && !isRepeated) return header
  throw new Error(
    `The first line of ${file} must name the columns username, role, and password or hash, each once.`,
  )
}

/**
 * In CSV, an empty field is the way to leave one out.
 *
 * @returns undefined if the row has too few or too many fields
 */
function fieldsOf(header: string[], record: string[]): Fields | undefined {
  if (record.length !== header.length) return undefined
  const named = header.map((name, index) => [name, record[index]] as const)
  return Object.fromEntries(named.filter(([, value]) => value !== ''))
}

/** @param fields undefined if the line is not an object */
function toRow(place: string, fields: Fields | undefined): SourceRow {
  if (!fields) return { place, fault: 'unreadable' }
  const { id, username, role, password, hash } = fields
  const row = { place, id, username, role, password, hash }
  // It does not say which one is valid.
  const isAmbiguous = hash !== undefined && password !== undefined
  return isAmbiguous ? { ...row, fault: 'hash-and-password' } : row
}
