import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { accountFile } from '../../../src/import/sources/file.ts'
import type { Source, SourceRow } from '../../../src/import/sources/source.ts'
import { failureOf } from '../../support/failure-of.ts'
import { makeFolder } from '../../support/process/folder.ts'

async function collect({ rows }: Source) {
  const all: SourceRow[] = []
  for await (const found of rows()) all.push(found)
  return all
}

async function rowsOf(t: TestContext, name: string, content: string | Buffer) {
  const file = join(await makeFolder(t), name)
  await writeFile(file, content)
  return collect(accountFile(file))
}

test('a CSV file is read with quotes, line breaks, a byte order mark and other columns', async (t: TestContext) => {
  const rows = await rowsOf(
    t,
    'a.csv',
    '\ufeffid,username,email,password,role\r\n7,"O""Neil, Ann",a@b,"se,cret",user\r\n\r\n,"two\nlines",,pw,admin\r\n',
  )
  t.assert.deepStrictEqual(rows, [
    row('line 2', { id: '7', username: 'O"Neil, Ann', password: 'se,cret', role: 'user' }),
    row('line 5', { username: 'two\nlines', password: 'pw', role: 'admin' }),
  ])
})

test('lines of a CSV file that are no rows are reported with their number, and the others are read', async (t: TestContext) => {
  const rows = await rowsOf(
    t,
    'a.csv',
    'username,hash,password,role\na,h,,user\nb,h\nc,h,p,user\nd,,p,user\n',
  )
  t.assert.deepStrictEqual(rows, [
    row('line 2', { username: 'a', hash: 'h', role: 'user' }),
    { place: 'line 3', fault: 'unreadable' },
    row('line 4', {
      ...{ username: 'c', hash: 'h', password: 'p', role: 'user' },
      fault: 'hash-and-password',
    }),
    row('line 5', { username: 'd', password: 'p', role: 'user' }),
  ])
})

test('a CSV file without the columns of accounts, or with one twice, is refused as a whole', async (t: TestContext) => {
  for (const header of [
    ...['username,role', 'user,password,role', 'username;password;role', ''],
    ...['username,password,password,role', 'username,role,hash,role'],
  ]) {
    const failure = await failureOf(rowsOf(t, 'a.csv', `${header}\na,b,c\n`))
    t.assert.match(String(failure), /must name the columns username, role, and password or hash/)
  }
})

test('a CSV file with a quotation mark in the wrong place is refused as a whole, with the line', async (t: TestContext) => {
  for (const line of ['b,"open,user', 'b,sh"ut,user', 'b,"sh"ut,user']) {
    const content = `username,password,role\na,p,user\n${line}\nc,p,user\n`
    t.assert.match(String(await failureOf(rowsOf(t, 'a.csv', content))), /line [34]/i)
  }
})

test('an NDJSON file is read line by line, and lines that are no objects are reported', async (t: TestContext) => {
  const rows = await rowsOf(
    t,
    'a.ndjson',
    '{"id":7,"username":"a","password":"p","hash":null,"role":"user"}\n\n[1]\n{"username":\n{"username":"b","hash":"h","role":"admin"}',
  )
  t.assert.deepStrictEqual(rows, [
    row('line 1', { id: 7, username: 'a', password: 'p', role: 'user' }),
    { place: 'line 3', fault: 'unreadable' },
    { place: 'line 4', fault: 'unreadable' },
    row('line 5', { username: 'b', hash: 'h', role: 'admin' }),
  ])
})

test('a file that is not valid UTF-8, or missing, is refused as a whole', async (t: TestContext) => {
  for (const name of ['a.csv', 'a.ndjson']) {
    const latin1 = Buffer.from('username,password,role\nJos\xe9,p,user\n', 'latin1')
    t.assert.match(String(await failureOf(rowsOf(t, name, latin1))), /not valid|ENCODING/)
    const missing = accountFile(join(await makeFolder(t), name))
    t.assert.match(String(await failureOf(collect(missing))), /ENOENT/)
  }
})

test('a source with another ending is refused, without its text', async (t: TestContext) => {
  for (const name of ['a.txt', 'postgres://user:secret@host/db', 'x://u:secret@h/a.csv', 'a']) {
    const failure = await failureOf(Promise.resolve().then(() => accountFile(name)))
    t.assert.match(String(failure), /neither a mysql:\/\/ URL nor a file that ends in/)
    t.assert.doesNotMatch(String(failure), /secret/)
  }
})

/** A row with its missing fields. */
function row(place: string, fields: object) {
  const missing = { id: undefined, username: undefined, role: undefined }
  return { place, ...missing, password: undefined, hash: undefined, ...fields }
}
