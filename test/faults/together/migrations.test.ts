import { type TestContext, test } from 'node:test'
import { Client } from '../../support/faults/clients/client.ts'
import { Observer } from '../../support/faults/clients/observer.ts'
import { startDatabaseServer } from '../../support/faults/database/database-server.ts'
import { PASSWORD } from '../../support/faults/database/template.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { TEMPLATE } from '../../support/faults/scene.ts'
import { migrate, startGatehouse } from '../../support/faults/server/gatehouse.ts'

test('F9 two instances migrate an empty database at once: one migrates, the other waits, and both serve', async (t: TestContext) => {
  const database = await startDatabaseServer(t, TEMPLATE)
  const root = database.rootUrl('empty')
  const outputs = await Promise.all([migrate(root), migrate(root)])
  const observer = new Observer()
  const servers = await Promise.all([
    startGatehouse(t, database.url('empty')),
    startGatehouse(t, database.url('empty')),
  ])
  const clients = servers.map(({ url }) => new Client(url, observer))
  t.after(() => {
    for (const client of clients) client.close()
  })
  const [first, second] = clients
  const body = { username: 'somebody', password: PASSWORD }
  const created = await first?.send({ method: 'POST', path: '/user', body })
  const loggedIn = await second?.send({ method: 'POST', path: '/login', body })

  const row = rowOf('F9 two instances migrate at once', observer)
  row.notes.push(...outputs.map((output) => output.trim()))
  if (outputs.filter((output) => /^Migrations applied/.test(output)).length !== 1) {
    row.problems.push('not exactly one instance migrates')
  }
  if (!outputs.includes('The schema is up to date.\n')) row.problems.push('the other one fails')
  if (created?.status !== 200 || loggedIn?.status !== 200) row.problems.push('not both serve')
  conclude(t, row)
})
