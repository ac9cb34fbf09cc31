import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { errors } from '../../plugins/errors/errors.ts'

const DOCS = 'docs/browsers.md'
const FOLDER = 'examples/browser'

test('each code block in docs/browsers.md is a part of the example page', (t: TestContext) => {
  const sources = ['gatehouse.js', 'page.js', 'forms.js']
    .map((name) => readFileSync(`${FOLDER}/${name}`, 'utf8'))
    .join('\n')
  const blocks = [...readFileSync(DOCS, 'utf8').matchAll(/^```js\n(.*?)^```$/gms)]
  t.assert.ok(blocks.length >= 8)
  for (const [, block = ''] of blocks) t.assert.ok(sources.includes(block), block)
})

test('the codes of a 401 in docs/browsers.md are all that the server has', (t: TestContext) => {
  const rows = readFileSync(DOCS, 'utf8').matchAll(/^\| 401 \| `([A-Z_]+)` \|/gm)
  const described = [...rows].map(([, code]) => code)
  const ours = Object.values(errors)
    .map((CodedError) => new CodedError())
    .filter(({ statusCode }) => statusCode === 401)
    .map(({ code }) => code)
  t.assert.deepStrictEqual(described.sort(), ours.sort())
})

test('the example page has no inline script or style, and writes text only', (t: TestContext) => {
  const page = readFileSync(`${FOLDER}/index.html`, 'utf8')
  t.assert.doesNotMatch(page, /<style|style=|\son[a-z]+=|<script(?![^>]* src=)/)
  for (const name of ['gatehouse.js', 'page.js', 'forms.js']) {
    const code = readFileSync(`${FOLDER}/${name}`, 'utf8').replace(/\/\/.*$/gm, '')
    t.assert.doesNotMatch(
      code,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|localStorage/,
    )
  }
})
