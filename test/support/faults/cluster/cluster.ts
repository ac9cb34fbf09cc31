import { existsSync, rmSync } from 'node:fs'
import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findGaleraLibrary, findServerBinary } from '../../../../scripts/server-binary.mjs'
import { filesOf } from '../../../../src/embedded-database/files.ts'
import { DATABASE_PASSWORD, DATABASE_USER } from '../database/database-server.ts'
import { undoAtExit } from '../machine/at-exit.ts'
import { freePort } from '../machine/free-port.ts'
import { createNetwork } from '../machine/network.ts'
import { GaleraNode } from './node.ts'

const NODES = 3
const LOOPBACK = '127.0.0.1'

const isMariaDb = findServerBinary()?.endsWith('mariadbd')

/** Why a cluster cannot be started here, or false. */
export const WHY_NOT =
  (!isMariaDb && 'there is no MariaDB') ||
  (findGaleraLibrary() === undefined && 'the package galera-4 is missing')

/** Something with an end, such as a test. */
interface Lifetime {
  /** @param undo is called at the end */
  after(undo: () => void): void
}

export type Cluster = Awaited<ReturnType<typeof startCluster>>

/**
 * Starts a Galera cluster of three nodes with the accounts of the template. They are killed at the
 * end of the lifetime.
 *
 * @param template the folder that `makeTemplate` has filled
 * @param isolated whether the first node runs in a network namespace, where the machine allows it
 */
export async function startCluster(t: Lifetime, template: string, { isolated = false } = {}) {
  const network = isolated ? createNetwork(t) : undefined
  const files = await clusterTemplate(template)
  const nodes: GaleraNode[] = []
  for (let index = 0; index < NODES; index++) {
    const inside = index === 0 ? network : undefined
    const host = inside?.address ?? network?.outside ?? LOOPBACK
    nodes.push(await makeNode(t, host, inside?.wrapper))
  }
  const [first, ...others] = nodes
  if (!first) throw new Error('a cluster has nodes')
  for (const node of nodes) {
    await cp(files, node.data, { recursive: true })
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

async function makeNode(t: Lifetime, host: string, wrapper?: string[]): Promise<GaleraNode> {
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
async function clusterTemplate(template: string): Promise<string> {
  const folder = `${template}-cluster`
  if (existsSync(folder)) return folder
  const data = `${folder}-unfinished`
  await cp(template, data, { recursive: true })
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
