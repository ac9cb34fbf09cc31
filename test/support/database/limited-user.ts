import { randomBytes } from 'node:crypto'
import { query } from './query.ts'

/**
 * Creates a database user, which is dropped after the test.
 *
 * @param owner the URL of the database, of a user who may grant
 * @param privileges a list of them, on that database
 */
export async function createUser(
  t: { after(work: () => Promise<unknown>): void },
  owner: string,
  privileges: string,
) {
  const url = new URL(owner)
  const name = `gatehouse_${randomBytes(6).toString('hex')}`
  const account = `'${name}'@'%'`
  const database = url.pathname.slice(1)
  const password = randomBytes(12).toString('hex')
  await query(owner, `CREATE USER ${account} IDENTIFIED BY '${password}'`)
  // The database may be dropped before.
  t.after(() => query(serverOf(owner), `DROP USER ${account}`))
  const grant = (list: string) => query(owner, `GRANT ${list} ON ${database}.* TO ${account}`)
  await grant(privileges)
  url.username = name
  url.password = password
  return {
    account,
    url: url.href,
    grant,
    revoke: (list: string) => query(owner, `REVOKE ${list} ON ${database}.* FROM ${account}`),
  }
}

function serverOf(url: string): string {
  const server = new URL(url)
  server.pathname = '/'
  return server.href
}
