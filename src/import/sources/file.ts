import { createReadStream } from 'node:fs'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { TextDecoderStream } from 'node:stream/web'
import { type CsvError, type Info, parse } from 'csv-parse'
import type { Source, SourceRow } from './source.ts'

type Fields = Partial<Record<string, unknown>>

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
  const read = READERS[extname(file).toLowerCase()]
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
      ? Object.fromEntries(Object.entries(value))
      : undefined
  } catch {
    return undefined
  }
}

async function* readCsv(file: string): AsyncGenerator<SourceRow> {
  const unreadable: SourceRow[] = []
  const parser = parse({
    bom: true,
    columns: (header: string[]) => checkHeader(file, header),
    info: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error: CsvError | undefined) => {
      unreadable.push({ place: `line ${error?.lines}`, fault: 'unreadable' })
      return undefined
    },
  })
  const input = textOf(file)
  input.on('error', (error) => parser.destroy(error))
  for await (const record of input.pipe(parser)) {
    const { record: fields, info }: { record: Record<string, string>; info: Info } = record
    yield toRow(`line ${info.lines}`, withoutEmpty(fields))
  }
  yield* unreadable
}

/** @throws Error if no row could be imported */
function checkHeader(file: string, header: string[]): string[] {
  const has = (name: string) => header.includes(name)
  if (has('username') && has('role') && (has('password') || has('hash'))) return header
  throw new Error(
    `The first line of ${file} must name the columns username, role, and password or hash.`,
  )
}

/** In CSV, an empty field is the way to leave one out. */
function withoutEmpty(fields: Record<string, string>): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
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
