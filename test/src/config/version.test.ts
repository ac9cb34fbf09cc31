import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { IS_BUILT, VERSION } from '../../../src/config/version.ts'

test('the version is the same in the package, in the lock file and in the document', (t: TestContext) => {
  t.assert.match(VERSION, /^\d+\.\d+\.\d+$/)
  t.assert.strictEqual(JSON.parse(readFileSync('package.json', 'utf8')).version, VERSION)
  t.assert.strictEqual(JSON.parse(readFileSync('package-lock.json', 'utf8')).version, VERSION)
  for (const file of ['openapi.json', 'openapi-3.0.json']) {
    t.assert.strictEqual(JSON.parse(readFileSync(file, 'utf8')).info.version, VERSION, file)
  }
})

test('the code that the tests run does not count as built', (t: TestContext) => {
  t.assert.strictEqual(IS_BUILT, false)
})
