import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { type TestContext, test } from 'node:test'
import { linksIn } from '../support/links.ts'

const FOLDERS = ['.', '.github', 'docs', 'docs/decisions', 'examples/browser', 'load']

const pages = FOLDERS.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => ({ folder, path: join(folder, name) })),
)

test('every link from a page to a file or a heading of this repository leads there', (t: TestContext) => {
  const links = pages.flatMap(({ folder, path }) =>
    linksIn(read(path)).map((link) => ({ path, link, isBroken: !leadsThere(folder, path, link) })),
  )
  t.assert.deepStrictEqual(
    links.filter(({ isBroken }) => isBroken).map(({ path, link }) => `${path}: ${link}`),
    [],
  )
  t.assert.ok(links.length > 100)
})

test('every row of the threat model names a test', (t: TestContext) => {
  const [, model = ''] = /### Who attacks[^\n]*\n(.*?)\n###/s.exec(read('docs/security.md')) ?? []
  const rows = model.split('\n').filter((line) => line.startsWith('| '))
  t.assert.ok(rows.length > 10)
  for (const row of rows.slice(1)) {
    t.assert.match(row, /\]\(\.\.\/test\/[a-z/-]+\.test\.ts\) \|$/, row)
  }
})

function leadsThere(folder: string, path: string, link: string): boolean {
  const [file = '', heading] = link.split('#')
  const target = file === '' ? path : normalize(join(folder, file))
  if (!existsSync(target)) return false
  return heading === undefined || anchorsOf(target).includes(heading)
}

/** As the hosted forge makes them: lower case, no punctuation, a hyphen for each space. */
function anchorsOf(path: string): string[] {
  const headings = read(path)
    .replaceAll(/^```.*?^```/gms, '')
    .matchAll(/^#+ (.+)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function read(path: string): string {
  return readFileSync(path, 'utf8')
}
