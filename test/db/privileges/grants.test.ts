import { type TestContext, test } from 'node:test'
import {
  excessPrivileges,
  grantStatement,
  MIGRATION_PRIVILEGES,
  missingPrivileges,
  parseGrants,
  SERVER_PRIVILEGES,
} from '../../../db/privileges/grants.ts'

const DATABASE = 'gate_house'

/** Checks what lines of `SHOW GRANTS` give to the server. */
function check(lines: string[], database = DATABASE) {
  const grants = parseGrants(lines)
  return {
    missing: missingPrivileges(grants, database, SERVER_PRIVILEGES),
    excess: excessPrivileges(grants, database, SERVER_PRIVILEGES),
  }
}

test('the grants of docs/operations.md are exact, as MySQL 8.4 and MariaDB 10.11 print them', (t: TestContext) => {
  const exact = { missing: [], excess: [] }
  const mysql = [
    'GRANT USAGE ON *.* TO `gatehouse`@`%`',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON `gate_house`.* TO `gatehouse`@`%`',
  ]
  const mariadb = [
    "GRANT USAGE ON *.* TO `gatehouse`@`%` IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
    'GRANT SELECT, INSERT, UPDATE, DELETE ON `gate_house`.* TO `gatehouse`@`%`',
    'GRANT SELECT, INSERT, CREATE, DELETE HISTORY ON `test\\_%`.* TO PUBLIC',
  ]
  t.assert.deepStrictEqual([check(mysql), check(mariadb)], [exact, exact])
})

test('a name in a grant can hold escaped and open wildcards, and a backtick', (t: TestContext) => {
  const missingOn = (pattern: string, database: string) =>
    check([`GRANT SELECT, INSERT, UPDATE, DELETE ON ${pattern}.* TO \`a\`@\`%\``], database).missing
  const all = SERVER_PRIVILEGES
  t.assert.deepStrictEqual(missingOn('`gate\\_house`', 'gate_house'), [])
  t.assert.deepStrictEqual(missingOn('`gate\\_house`', 'gateXhouse'), all)
  t.assert.deepStrictEqual(missingOn('`gate_house`', 'gateXhouse'), [])
  t.assert.deepStrictEqual(missingOn('`gatehouse%`', 'gatehouse_test'), [])
  t.assert.deepStrictEqual(missingOn('`gatehouse%`', 'other'), all)
  t.assert.deepStrictEqual(missingOn('`a``b.c`', 'a`b.c'), [])
  t.assert.deepStrictEqual(missingOn('`a``b.c`', 'a`bXc'), all)
})

test('all privileges, administrative privileges and grants elsewhere are in excess', (t: TestContext) => {
  const root = check([
    'GRANT SELECT, INSERT, UPDATE, DELETE, SUPER, CREATE ROLE ON *.* TO `root`@`localhost` WITH GRANT OPTION',
    'GRANT BACKUP_ADMIN,CLONE_ADMIN ON *.* TO `root`@`localhost`',
    'GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION',
  ])
  t.assert.deepStrictEqual(root, {
    missing: [],
    excess: [
      {
        privileges: [...SERVER_PRIVILEGES, 'SUPER', 'CREATE ROLE', 'GRANT OPTION'],
        scope: '*.*',
      },
      { privileges: ['BACKUP_ADMIN', 'CLONE_ADMIN'], scope: '*.*' },
    ],
  })
  const owner = check([
    'GRANT ALL PRIVILEGES ON `gate_house`.* TO `a`@`%`',
    'GRANT SELECT ON `other`.* TO `a`@`%`',
  ])
  t.assert.deepStrictEqual(owner, {
    missing: [],
    excess: [
      { privileges: ['ALL PRIVILEGES'], scope: 'gate_house.*' },
      { privileges: ['SELECT'], scope: 'other.*' },
    ],
  })
})

test('a grant on a pattern that other databases match is in excess', (t: TestContext) => {
  const excessOf = (pattern: string) =>
    check([`GRANT SELECT, INSERT, UPDATE, DELETE ON ${pattern}.* TO \`a\`@\`%\``]).excess
  const scope = 'gate%.*'
  t.assert.deepStrictEqual(excessOf('`gate%`'), [{ privileges: SERVER_PRIVILEGES, scope }])
  t.assert.deepStrictEqual(excessOf('`gate\\_house`'), [])
})

test('a privilege on a table or on columns, and one that is revoked, does not count for the database', (t: TestContext) => {
  const part = check([
    'GRANT SELECT, INSERT (`v`, `w, DELETE`) ON `gate_house`.`users` TO `a`@`%`',
    'GRANT UPDATE, DELETE ON `gate_house`.* TO `a`@`%`',
  ])
  t.assert.deepStrictEqual(part.missing, ['SELECT', 'INSERT'])
  const revoked = check([
    'GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO `a`@`%`',
    'REVOKE DELETE ON `gate_house`.* FROM `a`@`%`',
  ])
  t.assert.deepStrictEqual(revoked.missing, ['DELETE'])
})

test('the statement for a missing privilege names the account and quotes the database', (t: TestContext) => {
  const { missing } = check(['GRANT USAGE ON *.* TO `a`@`%`'])
  t.assert.strictEqual(
    grantStatement(missing, 'gate`house', "'a'@'%'"),
    "GRANT SELECT, INSERT, UPDATE, DELETE ON `gate``house`.* TO 'a'@'%'",
  )
  const needed = missingPrivileges([], DATABASE, MIGRATION_PRIVILEGES)
  t.assert.deepStrictEqual(needed, MIGRATION_PRIVILEGES)
})
