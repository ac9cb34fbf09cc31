import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { Answer } from '../../support/faults/clients/observer.ts'
import { type Identity, signIn, signInAll } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange, type Scene, scaled } from '../../support/faults/scene.ts'

/** For each of the three endings. */
const RACES = scaled(40, 334)
const AT_ONCE = 10
const MAX_TRIES = 20
const INTERIM = 'HTTP/1.1 100 Continue'
const BODY = JSON.stringify({ name: 'made in the race' })

type Headers = Record<string, string>

const ENDINGS = {
  logout: ({ client }: Scene, { headers }: Identity) =>
    client.send({ kind: 'write', method: 'POST', path: '/logout', headers }),
  'password change': ({ client }: Scene, { id }: Identity, headers: Headers) =>
    client.send({
      ...{ kind: 'write', method: 'PUT', path: `/user/update-password/${id}`, headers },
      body: { password: 'a password after the race' },
    }),
  deletion: ({ client }: Scene, { id }: Identity, headers: Headers) =>
    client.send({ kind: 'write', method: 'DELETE', path: `/user/${id}`, headers }),
}

test('F8 requests that are slow to send their body beside logout, password change and deletion: no later success, and no orphan', async (t: TestContext) => {
  const scene = await arrange(t)
  const { headers } = await signIn(scene.database, 'admin')
  const racers = await signInAll(
    scene.database,
    Array.from({ length: 3 * RACES }, (_, index) => `user-${index}`),
  )
  const problems: string[] = []
  const kept: number[] = []
  for (const [index, ending] of Object.values(ENDINGS).entries()) {
    const own = racers.slice(index * RACES, (index + 1) * RACES)
    for (let start = 0; start < own.length; start += AT_ONCE) {
      const batch = own.slice(start, start + AT_ONCE)
      await Promise.all(
        batch.map(async (racer, place) => {
          const isTight = place % 2 === 1
          const slow = await openSlowRequest(scene.server.port, racer.headers.cookie)
          const ended = untilDone(() => ending(scene, racer, headers))
          if (!isTight) await ended
          const status = await slow.finish()
          await ended
          if (!isTight && status !== 401) problems.push(`a later ${status}`)
          if (status === 200 && ending === ENDINGS.logout) kept.push(racer.id)
          const later = await scene.client.send({ path: '/me', headers: racer.headers })
          if (later.status !== 401) problems.push(`the old cookie: ${later.status}`)
        }),
      )
    }
  }
  const ids = racers.map(({ id }) => id).join(', ')
  const sessions = await scene.database.query(`SELECT id FROM sessions WHERE user_id IN (${ids})`)
  const tokens = await scene.database.query(`SELECT user_id FROM tokens WHERE user_id IN (${ids})`)
  // A token that was made before a logout stays. No other one does.
  const orphans = tokens.filter(({ user_id }) => !kept.includes(Number(user_id)))

  const row = rowOf(`F8 ${3 * RACES} slow requests beside the end of access`, scene.observer)
  row.sent += 3 * RACES
  row.notes.push(`${sessions.length} sessions and ${orphans.length} tokens left over`)
  row.problems.push(...new Set(problems))
  if (sessions.length + orphans.length > 0) row.problems.push('orphans')
  conclude(t, row)
})

/** A busy server refuses some: they are sent again. */
async function untilDone(end: () => Promise<Answer>): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if ((await end()).status !== 503) return
  }
  throw new Error(`an ending is refused ${MAX_TRIES} times`)
}

/** Sends all of a request but its body. @returns sends the body, and resolves with the status */
async function openSlowRequest(port: number, cookie: string) {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const head = [
    ...['POST /tokens HTTP/1.1', 'Host: localhost', 'Connection: close', `Cookie: ${cookie}`],
    ...['Content-Type: application/json', `Content-Length: ${BODY.length}`, 'Expect: 100-continue'],
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  const [interim] = await once(socket, 'data') // the server has read the headers
  const rest = text(socket)
  return {
    async finish(): Promise<number> {
      socket.write(BODY)
      const answer = `${interim}${await rest}`.replace(INTERIM, '')
      return Number(/HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
    },
  }
}
