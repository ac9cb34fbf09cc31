import { type TestContext, test } from 'node:test'
import { startCluster, WHY_NOT } from '../../support/faults/cluster/cluster.ts'
import { sceneOf } from '../../support/faults/cluster/scene.ts'
import { signInAll } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { scaled, TEMPLATE } from '../../support/faults/scene.ts'

const ROUNDS = scaled(50, 500)
const BOTH = "username IN ('admin', 'user-0')"

test('two admins who demote each other through two nodes at the same time leave one of them', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const cluster = await startCluster(t, TEMPLATE)
  const [one, two] = await Promise.all(
    cluster.nodes.slice(0, 2).map((node) => sceneOf(t, node, cluster.url([node]), {})),
  )
  if (!one || !two) throw new Error('a cluster has three nodes')
  const [first, second] = await signInAll(one.database, ['admin', 'user-0'])
  if (!first || !second) throw new Error('the template has both accounts')
  const problems: string[] = []
  let refused = 0
  for (let round = 0; round < ROUNDS; round++) {
    await one.database.query(`UPDATE users SET role = 'admin' WHERE ${BOTH}`)
    const demote = { kind: 'write', method: 'PATCH', body: { role: 'user' } } as const
    const answers = await Promise.all([
      one.client.send({ ...demote, path: `/user/${second.id}`, headers: first.headers }),
      two.client.send({ ...demote, path: `/user/${first.id}`, headers: second.headers }),
    ])
    const made = answers.filter(({ status }) => status === 200).length
    const [{ admins } = {}] = await two.database.query(
      "SET STATEMENT wsrep_sync_wait = 1 FOR SELECT COUNT(*) AS admins FROM users WHERE role = 'admin'",
    )
    if (made > 1 || Number(admins) !== 2 - made)
      problems.push(`${made} made, ${admins} admins left`)
    refused += answers.length - made
  }
  const row = rowOf('two admins demote each other through two Galera nodes', one.observer)
  row.notes.push(`${refused} of ${2 * ROUNDS} refused`)
  row.problems.push(...problems.slice(0, 3))
  conclude(t, row)
})
