import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readEnvFile } from '../../../src/config/env-file.ts'
import { Environment } from '../../../src/config/settings/environment.ts'
import { configErrorOf } from '../../support/process/config-error.ts'
import { makeFolder } from '../../support/process/folder.ts'

const NAMES = Object.keys(Environment.properties)

test('a .env file, with comments, quotes, several lines in quotes and other names, is read as Node reads it', async (t: TestContext) => {
  const text = [
    '# a comment',
    '',
    'PORT=3001',
    "  export HOST = '::1' # the local one",
    'FOO=1',
    'MYSQL_PASSWORD="#/?@%"',
    'KEY="first line',
    'not a setting',
    'last line"',
    'LOG_LEVEL=',
  ]
  for (const lineEnd of ['\n', '\r\n']) {
    const file = await writeEnvFile(t, text.join(lineEnd))
    const { KEY, ...values } = readEnvFile(file, NAMES)
    t.assert.deepStrictEqual(values, {
      PORT: '3001',
      HOST: '::1',
      FOO: '1',
      MYSQL_PASSWORD: '#/?@%',
      LOG_LEVEL: '',
    })
    t.assert.match(KEY ?? '', /^first line\r?\nnot a setting\r?\nlast line$/)
  }
})

test('a .env file, if it does not exist, sets nothing', async (t: TestContext) => {
  t.assert.deepStrictEqual(readEnvFile(join(await makeFolder(t), '.env'), NAMES), {})
})

test('a .env file, with lines that are no assignments, is rejected with their numbers and without their text', async (t: TestContext) => {
  const file = await writeEnvFile(
    t,
    'PORT=1\nhush and hush\n\nSESSION_SECRET: hush\nKEY="a\nb"\n=hush\nFOO="hush\n',
  )
  t.assert.strictEqual(
    messageOf(t, file),
    [
      `${file} is not valid.`,
      ...[2, 4, 7, 8].map(
        (line) => `  line ${line}: expected NAME=value, with matching quotes, or a # comment`,
      ),
    ].join('\n'),
  )
})

test('a .env file, with a name that is nearly a setting, is rejected with a suggestion and without the value', async (t: TestContext) => {
  for (const [name, suggestion] of [
    ['REGISTATION', 'REGISTRATION'],
    ['SESION_SECRET', 'SESSION_SECRET'],
    ['SESSION_SECRETS', 'SESSION_SECRET'],
    ['DATABSE_ULR', 'DATABASE_URL'],
    ['RATELIMITMAX', 'RATE_LIMIT_MAX'],
    ['port', 'PORT'],
    ['PROT', 'PORT'],
    ['HOTS', 'HOST'],
  ]) {
    const file = await writeEnvFile(t, `\n${name}=hush\n`)
    const problem = `${name} is not a setting. Did you mean ${suggestion}?`
    t.assert.strictEqual(messageOf(t, file), `${file} is not valid.\n  line 2: ${problem}`)
  }
})

test('a .env file, with names of other programs, is accepted', async (t: TestContext) => {
  const names = [
    ...['FOO', 'HOME', 'PATH', 'MYSQL_PASSWORD', 'MYSQL_ROOT_PASSWORD', 'TEST_DATABASE_URL'],
    ...['MYSQL_PORT', 'SMTP_HOST', 'REDIS_PASSWORD', 'LOG_FORMAT', 'UV_THREADPOOL_SIZE', 'TZ'],
  ]
  const file = await writeEnvFile(t, names.map((name) => `${name}=1`).join('\n'))
  t.assert.deepStrictEqual(Object.keys(readEnvFile(file, NAMES)).sort(), names.sort())
})

test('a .env file that is a folder, or cannot be read, is rejected in one line', async (t: TestContext) => {
  const folder = await makeFolder(t)
  const file = join(folder, '.env')
  await mkdir(file)
  t.assert.strictEqual(messageOf(t, file), `${file} is a folder. It must be a file.`)
  const loop = join(folder, 'loop')
  await symlink(loop, loop)
  t.assert.strictEqual(messageOf(t, loop), `${loop} cannot be read: ELOOP`)
})

async function writeEnvFile(t: TestContext, text: string): Promise<string> {
  const file = join(await makeFolder(t), '.env')
  await writeFile(file, text)
  return file
}

function messageOf(t: TestContext, file: string): string {
  const message = configErrorOf(t, () => readEnvFile(file, NAMES))
  t.assert.doesNotMatch(message, /hush/)
  return message
}

test('a .env file with a name that Node would read as another one is rejected, by line', async (t: TestContext) => {
  for (const line of [
    'REGISTRATION\t=admin',
    'export  HOST=::1',
    'export\tHOST=::1',
    ' \tPORT=1',
  ]) {
    const file = await writeEnvFile(t, `FOO=1\n${line}\n`)
    t.assert.match(
      configErrorOf(t, () => readEnvFile(file, NAMES)),
      /line 2: expected NAME=value/,
      line,
    )
  }
  const marked = await writeEnvFile(t, '\uFEFFPORT=3001\n')
  t.assert.deepStrictEqual(readEnvFile(marked, NAMES), { PORT: '3001' })
})
