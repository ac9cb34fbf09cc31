import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { Ajv } from 'ajv'
import { parse } from 'yaml'

const FORMS = '.github/ISSUE_TEMPLATE'
const UPDATES = '.github/dependabot.yml'
/** The file that each ecosystem of Dependabot reads. */
const READS: Record<string, string> = {
  npm: 'package-lock.json',
  'github-actions': '.github/workflows/ci.yml',
  docker: 'Dockerfile',
  'docker-compose': 'compose.yaml',
}

const string = { type: 'string', minLength: 1 }
const closed = (properties: Record<string, object>, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})

/** What the forms here use of https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema */
const FORM = closed(
  {
    name: string,
    description: string,
    labels: { type: 'array', items: string },
    body: {
      type: 'array',
      items: {
        anyOf: [
          closed(
            { type: { const: 'markdown' }, attributes: closed({ value: string }, ['value']) },
            ['type', 'attributes'],
          ),
          closed(
            {
              type: { enum: ['input', 'textarea'] },
              id: { type: 'string', pattern: '^[a-z-]+$' },
              attributes: closed({ label: string, description: string, render: string }, ['label']),
              validations: closed({ required: { type: 'boolean' } }),
            },
            ['type', 'id', 'attributes'],
          ),
        ],
      },
    },
  },
  ['name', 'description', 'body'],
)

/** What the file here uses of https://docs.github.com/code-security/reference/supply-chain-security/dependabot-options-reference */
const kinds = (...names: string[]) => ({ type: 'array', items: { enum: names } })
const DEPENDABOT = closed(
  {
    version: { const: 2 },
    updates: {
      type: 'array',
      items: closed(
        {
          'package-ecosystem': { enum: Object.keys(READS) },
          directory: { const: '/' },
          schedule: closed({ interval: { enum: ['weekly', 'monthly'] } }, ['interval']),
          cooldown: closed({ 'default-days': { type: 'integer', minimum: 1, maximum: 90 } }),
          groups: {
            type: 'object',
            additionalProperties: closed({
              'dependency-type': { enum: ['production', 'development'] },
              'update-types': kinds('major', 'minor', 'patch'),
            }),
          },
          ignore: {
            type: 'array',
            items: closed(
              {
                'dependency-name': string,
                'update-types': kinds('version-update:semver-major', 'version-update:semver-minor'),
              },
              ['dependency-name'],
            ),
          },
        },
        ['package-ecosystem', 'directory', 'schedule'],
      ),
    },
  },
  ['version', 'updates'],
)

interface Form {
  body: { id?: string; validations?: { required?: boolean } }[]
}
interface Updates {
  updates: { 'package-ecosystem': string; ignore?: { 'dependency-name': string }[] }[]
}

const ajv = new Ajv()

for (const name of readdirSync(FORMS)) {
  test(`the issue form ${name} is valid, has each id once, and requires two answers at most`, (t: TestContext) => {
    const form: Form = parse(readFileSync(`${FORMS}/${name}`, 'utf8'))
    t.assert.ok(ajv.validate(FORM, form), ajv.errorsText())
    const ids = form.body.flatMap(({ id }) => id ?? [])
    t.assert.deepStrictEqual([...new Set(ids)], ids)
    const required = form.body.filter(({ validations }) => validations?.required).length
    t.assert.ok(required >= 1 && required <= 2)
    t.assert.strictEqual(ajv.validate(FORM, { ...form, titel: 'Bug: ' }), false)
  })
}

test('the updates of dependencies are valid, for files that exist, and ignore only what these name', (t: TestContext) => {
  const file: Updates = parse(readFileSync(UPDATES, 'utf8'))
  t.assert.ok(ajv.validate(DEPENDABOT, file), ajv.errorsText())
  const ecosystems = file.updates.map((update) => update['package-ecosystem'])
  t.assert.deepStrictEqual(ecosystems.sort(), Object.keys(READS).sort())
  for (const { 'package-ecosystem': ecosystem, ignore = [] } of file.updates) {
    const path = READS[ecosystem] ?? ''
    t.assert.ok(existsSync(path), path)
    for (const { 'dependency-name': name } of ignore) {
      t.assert.ok(readFileSync(path, 'utf8').includes(name), `${path} does not name ${name}`)
    }
  }
})
