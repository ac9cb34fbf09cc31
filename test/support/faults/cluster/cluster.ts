import { existsSync, rmSync } from 'node:fs'
import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { findGaleraLibrary } from '../../../../scripts/server-binary.mjs'
import { filesOf } from '../../../../src/embedded-database/files.ts'
import { DATABASE_PASSWORD, DATABASE_USER } from '../database/database-server.ts'
import { undoAtExit } from '../machine/at-exit.ts'
import { freePort } from '../machine/free-port.ts'
import { createNetwork } from '../machine/network.ts'
import { TEMPLATE } from '../scene.ts'
import { GaleraNode } from './node.ts'

const NODES = 3
const LOOPBACK = '127.0.0.1'

/** Why the tests of a cluster are skipped, or false. */
export const WHY_NOT = findGaleraLibrary() === undefined && 'the package galera-4 is missing'

export type Cluster = Awaited<ReturnType<typeof startCluster>>

/**
 * Starts a Galera cluster of three nodes with the accounts of the template. They are killed after
 * the test.
 *
 * @param isolated whether the first node runs in a network namespace, where the machine allows it
 */
export async function startCluster(t: TestContext, { isolated = false } = {}) {
  const network = isolated ? createNetwork(t) : undefined
  const template = await clusterTemplate()
  const nodes: GaleraNode[] = []
  for (let index = 0; index < NODES; index++) {
    const inside = index === 0 ? network : undefined
    const host = inside?.address ?? network?.outside ?? LOOPBACK
    nodes.push(await makeNode(t, host, inside?.wrapper))
  }
  const [first, ...others] = nodes
  if (!first) throw new Error('a cluster has nodes')
  for (const node of nodes) {
    await cp(template, node.data, { recursive: true })
    node.members = nodes.map(({ member }) => member)
  }
  await first.startCluster()
  await Promise.all(others.map((node) => node.join()))
  return {
    nodes,
    network,
    /** For the server under test, with this order of the nodes. */
    url(order: GaleraNode[] = nodes): string {
      const password = encodeURIComponent(DATABASE_PASSWORD)
      const hosts = order.map(({ host, port }) => `${host}:${port}`)
      return `mysql://${DATABASE_USER}:${password}@${hosts.join()}/gatehouse`
    },
  }
}

async function makeNode(t: TestContext, host: string, wrapper?: string[]): Promise<GaleraNode> {
  const data = await mkdtemp(join(tmpdir(), 'gatehouse-galera-'))
  // A port is free on the loopback interface; a namespace has no others anyway.
  const [port, replicationPort, transferPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const node = new GaleraNode({ data, host, port, wrapper, replicationPort, transferPort })
  t.after(
    undoAtExit(() => {
      node.killNow()
      rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    }),
  )
  return node
}

/** @returns the files of a node that has stopped: all nodes start with the same position */
async function clusterTemplate(): Promise<string> {
  const folder = `${TEMPLATE}-cluster`
  if (existsSync(folder)) return folder
  const data = `${folder}-unfinished`
  await cp(TEMPLATE, data, { recursive: true })
  const [port, replicationPort, transferPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const node = new GaleraNode({ data, host: LOOPBACK, port, replicationPort, transferPort })
  const undo = undoAtExit(() => node.killNow())
  node.members = [node.member]
  await node.startCluster()
  await node.stop()
  undo()
  await rm(join(filesOf(data), 'galera.cache'), { force: true })
  await rename(data, folder)
  return folder
}
