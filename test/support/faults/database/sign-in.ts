import { randomBytes } from 'node:crypto'
import { digest } from '../../../../db/digest.ts'
import { createSessionCookie } from '../../../../plugins/sessions/session-cookie.ts'
import { SESSION_SECRET } from '../server/gatehouse.ts'
import type { DatabaseServer } from './database-server.ts'

const { name: cookieName, signer } = createSessionCookie({
  secrets: [SESSION_SECRET],
  secure: false,
})

export interface Identity {
  id: number
  username: string
  /** Of its session. */
  headers: { cookie: string }
}

/** Opens a session for each of these accounts of the template, without a login and its hash. */
export async function signInAll(database: DatabaseServer, names: string[]): Promise<Identity[]> {
  const list = names.map((name) => `'${name}'`).join(', ')
  const rows = await database.query(`SELECT id, username FROM users WHERE username IN (${list})`)
  const digests: string[] = []
  const identities = rows.map((row): Identity => {
    const secretId = randomBytes(24).toString('base64url')
    digests.push(digest(secretId).toString('hex'))
    const cookie = `${cookieName}=${encodeURIComponent(signer.sign(secretId))}`
    return { id: Number(row.id), username: String(row.username), headers: { cookie } }
  })
  const values = identities.map(
    ({ id }, index) => `(${id}, UNHEX('${digests[index]}'), NOW(3) + INTERVAL 1 HOUR)`,
  )
  await database.query(
    `INSERT INTO sessions (user_id, digest, expires_at) VALUES ${values.join(', ')}`,
  )
  return identities
}

export async function signIn(database: DatabaseServer, username: string): Promise<Identity> {
  const [identity] = await signInAll(database, [username])
  if (!identity) throw new Error(`the template has no account ${username}`)
  return identity
}
