import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

const FOLDER = 'deploy/kubernetes'
const load = createRequire(import.meta.url)

type Labels = Record<string, string>

/** The parts of a container that the tests read. */
export interface Container {
  image: string
  command?: string[]
  ports?: { name: string; containerPort: number }[]
  env?: { name: string; valueFrom: { secretKeyRef: { name: string; key: string } } }[]
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[]
  lifecycle?: { preStop: { sleep: { seconds: number } } }
  securityContext: object
}

/** The parts of a document that the tests read. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
  data?: Record<string, string>
  stringData?: Record<string, string>
  spec?: {
    selector?: Labels & { matchLabels?: Labels }
    podSelector?: { matchLabels: Labels }
    ports?: { port: number; targetPort: string }[]
    template?: {
      metadata: { labels: Labels; annotations?: Labels }
      spec: {
        containers: Container[]
        terminationGracePeriodSeconds?: number
        topologySpreadConstraints?: { labelSelector: { matchLabels: Labels } }[]
      }
    }
  }
}

/** @returns every document of deploy/kubernetes */
export function readManifests(): Manifest[] {
  return readdirSync(FOLDER).flatMap((file) =>
    parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((document) => document.toJS()),
  )
}

/**
 * Checks a document with the schema of the Kubernetes API for its kind. That schema admits unknown fields. So the
 * validator gets an object that records what is read: it reads every field that it knows, and no other.
 *
 * @returns what is wrong, or nothing
 */
export function problemsOf(manifest: Manifest): string[] {
  const { [manifest.kind]: Model } = load(`kubernetes-models/${manifest.apiVersion}`)
  const unread = new Set<string>()
  const model = new Model(manifest)
  const watched = watch({ ...model }, '', unread)
  try {
    Model.prototype.validate.call(watched)
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
  return [...unread].map((path) => `unknown field ${path}`)
}

/** @param unread receives the paths of all fields, and loses those that are read */
function watch(value: object, path: string, unread: Set<string>): object {
  const children = new Map<string | symbol, unknown>()
  for (const [name, child] of Object.entries(value)) {
    const childPath = `${path}/${name}`
    if (!Array.isArray(value)) unread.add(childPath)
    const isObject = typeof child === 'object' && child !== null
    children.set(name, isObject ? watch(child, childPath, unread) : child)
  }
  return new Proxy(value, {
    get(target, name, receiver) {
      unread.delete(`${path}/${String(name)}`)
      return children.get(name) ?? Reflect.get(target, name, receiver)
    },
  })
}
