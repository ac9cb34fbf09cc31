import { type TestContext, test } from 'node:test'
import { compareDocuments } from '../../../contract/compare.ts'
import { entryOf, keyOf } from '../../../contract/findings.ts'
import { RULES, ruleOf } from '../../../contract/rules.ts'
import { additions, silent } from './additions.ts'
import { edited } from './edits.ts'
import { operationBreaks } from './operation-breaks.ts'
import { requestBreaks } from './request-breaks.ts'
import { responseBreaks } from './response-breaks.ts'
import { SMALL } from './small-document.ts'

const BASE = edited(SMALL, [['components schemas PetRequest properties weight enum', [1]]])
const breaks = [...operationBreaks, ...requestBreaks, ...responseBreaks]

for (const [rule, title, edits, finding] of breaks) {
  test(`the rule ${rule} finds ${title}`, (t: TestContext) => {
    const found = compareDocuments(SMALL, edited(SMALL, edits))
    t.assert.ok(found.map(keyOf).includes(`${finding} [${rule}]`), found.map(keyOf).join('\n'))
    t.assert.ok(ruleOf(rule).breaks)
  })
}

for (const [rule, title, edits, line] of additions) {
  test(`${title} breaks no client and is an entry of the changelog by the rule ${rule}`, (t: TestContext) => {
    const found = compareDocuments(BASE, edited(BASE, edits))
    t.assert.deepStrictEqual(entryOf(found), [line])
    t.assert.deepStrictEqual(
      found.map((finding) => finding.rule),
      [rule],
    )
    t.assert.ok(!ruleOf(rule).breaks)
  })
}

for (const [title, edits] of silent) {
  test(`${title} is no finding`, (t: TestContext) => {
    t.assert.deepStrictEqual(compareDocuments(SMALL, edited(SMALL, edits)), [])
  })
}

test('every rule has a change that shows it', (t: TestContext) => {
  const shown = new Set([...breaks, ...additions].map(([rule]) => rule))
  t.assert.deepStrictEqual([...shown].sort(), Object.keys(RULES).sort())
})

test('a reference that leads nowhere is an error', (t: TestContext) => {
  const broken = edited(SMALL, [['components schemas Kind']])
  t.assert.throws(() => compareDocuments(SMALL, broken), /schemas\/Kind leads nowhere/)
})

test('what refers to a changed schema by a keyword without a rule is not understood', (t: TestContext) => {
  const kind = { $ref: '#/components/schemas/Kind' }
  const before = edited(SMALL, [['components schemas Label properties text anyOf', [kind]]])
  const after = edited(before, [['components schemas Kind enum', ['cat', 'dog', 'cow']]])
  const found = compareDocuments(before, after).map(keyOf)
  t.assert.ok(found.includes('responses: Label.text changes anyOf [not-understood]'), found.join())
})
