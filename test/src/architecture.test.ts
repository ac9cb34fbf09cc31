import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type TestContext, test } from 'node:test'

/** Which of our own folders the files of a folder may import, besides their own. */
const MAY_IMPORT: Record<string, string[]> = {
  contract: [],
  db: [],
  plugins: ['db'],
  routes: ['plugins', 'db'],
  scripts: [],
  src: ['db', 'plugins', 'routes', 'scripts'],
}
/** They run before a configuration can be read. */
const READ_THE_ENVIRONMENT = [
  'scripts/server-binary.mjs',
  'scripts/setup.mjs',
  'src/config/config.ts',
]
const MAX_LINES = 250
const MAX_FILES_IN_A_FOLDER = 14

const sources = Object.keys(MAY_IMPORT).flatMap(filesOf)

function filesOf(folder: string) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name) && !/node_modules|\.d\.ts$/.test(name))
    .map((name) => {
      const path = join(folder, name)
      const text = readFileSync(path, 'utf8')
      return { folder, path, text, imports: importsOf(text) }
    })
}

test('an import, of another folder of ours, runs one way', (t: TestContext) => {
  const wrong = sources.flatMap(({ folder, path, imports }) =>
    imports
      .filter((name) => name.startsWith('.'))
      .map((name) => relative('.', join(dirname(path), name)))
      .filter((target) => {
        const [other = ''] = target.split('/')
        return other !== folder && !MAY_IMPORT[folder]?.includes(other)
      })
      .map((target) => `${path} imports ${target}`),
  )
  t.assert.deepStrictEqual(wrong, [])
  const others = importsOf(readFileSync('drizzle.config.ts', 'utf8'))
  t.assert.deepStrictEqual(
    others.filter((name) => name.startsWith('./src')),
    [],
  )
  // The check itself sees imports, of every folder's files.
  const seen = new Set(sources.filter(({ imports }) => imports.length > 0).map((s) => s.folder))
  t.assert.deepStrictEqual([...seen], Object.keys(MAY_IMPORT))
})

test('no files import each other in a circle, in the sources and in the benchmark', (t: TestContext) => {
  const imports = new Map(
    [...sources, ...filesOf('bench')].map(({ path, imports }) => [
      path,
      imports.filter((name) => name.startsWith('.')).map((name) => join(dirname(path), name)),
    ]),
  )
  const finished = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) return void circles.push([...trail, path].join(' imports '))
    if (finished.has(path)) return
    for (const target of imports.get(path) ?? []) visit(target, [...trail, path])
    finished.add(path)
  }
  for (const path of imports.keys()) visit(path, [])
  t.assert.deepStrictEqual(circles, [])
})

test('a file of db imports nothing of Fastify', (t: TestContext) => {
  const wrong = sources.filter(
    ({ folder, imports }) => folder === 'db' && imports.some((name) => name.includes('fastify')),
  )
  t.assert.deepStrictEqual(
    wrong.map(({ path }) => path),
    [],
  )
})

test('only the command line creates an operator, whom no rule about callers concerns', (t: TestContext) => {
  const creators = sources.filter(({ text }) => /\bnew Operator\b/.test(text))
  t.assert.deepStrictEqual(
    creators.map(({ path }) => path),
    ['src/cli/operator.ts'],
  )
})

test('process.env is read by the configuration and by what runs before it', (t: TestContext) => {
  const readers = sources.filter(({ text }) =>
    /process\s*\??\.\s*env\b|\benv\b[^'\n]*from 'node:process'/.test(text),
  )
  t.assert.deepStrictEqual(readers.map(({ path }) => path).sort(), READ_THE_ENVIRONMENT)
})

test(`a file has no more than ${MAX_LINES} lines`, (t: TestContext) => {
  const long = sources.filter(({ text }) => text.trimEnd().split('\n').length > MAX_LINES)
  t.assert.deepStrictEqual(
    long.map(({ path }) => path),
    [],
  )
})

test(`a folder holds no more than ${MAX_FILES_IN_A_FOLDER} files`, (t: TestContext) => {
  const counts = new Map<string, number>()
  for (const { path } of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  const crowded = [...counts].filter(([, files]) => files > MAX_FILES_IN_A_FOLDER)
  t.assert.deepStrictEqual(crowded, [])
})

/** The names in `import … from`, `export … from`, `import '…'` and `import('…')`. */
function importsOf(text: string): string[] {
  const names = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)
  return [...names].map(([, name = '']) => name)
}
