import { chmod, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { joinEmbeddedDatabase } from '../../../src/embedded-database/embedded-database.ts'
import { socketPath } from '../../../src/embedded-database/socket-path.ts'
import { makeFolder } from '../../support/process/folder.ts'
import { install, needsServerBinary } from '../../support/process/installation.ts'

const LONG = 'long-'.repeat(30)

test('the socket of a data folder, whose path is short, is in that folder', async (t: TestContext) => {
  const inside = `/${'d'.repeat(90)}`
  t.assert.strictEqual(socketPath(inside), `${inside}/server.sock`)
})

test('the socket of a data folder, whose path is long, is in a temporary folder of its own', async (t: TestContext) => {
  const { data, path, folder } = await longFolder(t)
  t.assert.ok(Buffer.byteLength(path) <= 103)
  t.assert.strictEqual(dirname(folder), tmpdir())
  t.assert.strictEqual((await stat(folder)).mode & 0o777, 0o700)
  t.assert.strictEqual(socketPath(data), path)
  t.assert.notStrictEqual(dirname((await longFolder(t)).path), folder)
})

test('the socket, in a folder that other users can access, is refused', async (t: TestContext) => {
  const { data, folder } = await longFolder(t)
  for (const mode of [0o755, 0o710, 0o701]) {
    await chmod(folder, mode)
    t.assert.throws(() => socketPath(data), {
      message: `${folder} belongs to another user, or other users can access it.`,
    })
  }
})

test('the socket, in a folder that is a symbolic link, is refused', async (t: TestContext) => {
  const { data, folder } = await longFolder(t)
  const elsewhere = await makeFolder(t)
  await rm(folder, { recursive: true })
  await symlink(elsewhere, folder)
  t.assert.throws(() => socketPath(data), {
    message: `${folder} belongs to another user, or other users can access it.`,
  })
})

test(
  'the private database, in a folder whose path is long, is joined by two users',
  needsServerBinary,
  async (t: TestContext) => {
    const { folder } = await install(t)
    const data = join(folder, LONG)
    t.after(() => rm(dirname(socketPath(data)), { recursive: true, force: true }))
    const first = await joinEmbeddedDatabase(data)
    const second = await joinEmbeddedDatabase(data)
    t.assert.strictEqual(second.url, first.url)
    await first.close()
    await second.close()
  },
)

/** A data folder that does not exist, with too long a path, and the folder of its socket. */
async function longFolder(t: TestContext) {
  const data = join(await makeFolder(t), LONG)
  const path = socketPath(data)
  t.after(() => rm(dirname(path), { recursive: true, force: true }))
  return { data, path, folder: dirname(path) }
}
