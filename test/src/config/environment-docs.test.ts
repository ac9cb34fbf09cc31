import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { Environment } from '../../../src/config/settings/environment.ts'
import { readCompose } from '../../support/image/compose.ts'

const PAGE = 'docs/configuration.md'
const EXAMPLE = '.env.example'
/** The container always listens on the default port. */
const NOT_IN_COMPOSE = ['PORT']

const variables = Object.entries(Environment.properties).map(([name, schema]) => ({
  name,
  title: String(schema.title),
  description: String(schema.description),
  value: schema.default === undefined ? '' : String(schema.default),
}))

test('the settings table in docs/configuration.md equals the schema', (t: TestContext) => {
  const rows = variables.map(({ name, title, description, value }) => {
    return `| \`${name}\` | ${value && `\`${value}\``} | ${title} | ${description} |`
  })
  const header = '| Variable | Default | Allowed | Effect |'
  const expected = [header, '|---|---|---|---|', ...rows].join('\n')
  const page = readFileSync(PAGE, 'utf8')
  const start = page.indexOf(header)
  t.assert.notStrictEqual(start, -1, `${PAGE} lacks this table:\n${expected}`)
  const table = page.slice(start, page.indexOf('\n\n', start))
  t.assert.strictEqual(table, expected, `${PAGE} should contain:\n${expected}\n`)
})

test('.env.example lists every setting of the schema and nothing else', (t: TestContext) => {
  const blocks = variables.map(({ name, title, description, value }) => {
    return `# ${description}\n# Allowed: ${title}\n#${name}=${value}\n`
  })
  const [first = '', ...rest] = readFileSync(EXAMPLE, 'utf8').split('\n\n')
  t.assert.match(first, /^# [^\n]+$/)
  const expected = blocks.join('\n')
  t.assert.strictEqual(rest.join('\n\n'), expected, `${EXAMPLE} should contain:\n${expected}`)
})

test('compose.yaml passes every setting of the schema and nothing else to each server', (t: TestContext) => {
  const { services } = readCompose()
  const servers = Object.entries(services).filter(([, { image }]) => image === 'gatehouse')
  t.assert.ok(servers.length >= 4)
  const expected = variables
    .map(({ name }) => name)
    .filter((name) => !NOT_IN_COMPOSE.includes(name))
    .sort()
  for (const [name, { environment = {} }] of servers) {
    t.assert.deepStrictEqual(Object.keys(environment).sort(), expected, name)
  }
})
