import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { Environment } from '../../../src/config/environment.ts'

const variables = Object.entries(Environment.properties).map(([name, schema]) => ({
  name,
  title: String(schema.title),
  description: String(schema.description),
  value: schema.default === undefined ? '' : String(schema.default),
}))

test('the README, in its table of the configuration, tells what the schema does', (t: TestContext) => {
  const rows = variables.map(({ name, title, description, value }) => {
    return `| \`${name}\` | ${value && `\`${value}\``} | ${title} | ${description} |`
  })
  const header = '| Variable | Default | Allowed | What it does |'
  const expected = [header, '|---|---|---|---|', ...rows].join('\n')
  const readme = readFileSync('README.md', 'utf8')
  const start = readme.indexOf(header)
  t.assert.notStrictEqual(start, -1, `README.md lacks this table:\n${expected}`)
  const table = readme.slice(start, readme.indexOf('\n\n', start))
  t.assert.strictEqual(table, expected, `README.md should hold:\n${expected}\n`)
})

test('.env.example tells what the schema does, and nothing else', (t: TestContext) => {
  const blocks = variables.map(({ name, title, description, value }) => {
    return `# ${description}\n# Allowed: ${title}\n#${name}=${value}\n`
  })
  const [first = '', ...rest] = readFileSync('.env.example', 'utf8').split('\n\n')
  t.assert.match(first, /^# [^\n]+$/)
  const expected = blocks.join('\n')
  t.assert.strictEqual(rest.join('\n\n'), expected, `.env.example should hold:\n${expected}`)
})
