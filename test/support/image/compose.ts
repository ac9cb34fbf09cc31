import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** The parts of a service that the tests read. */
export interface Service {
  image: string
  command?: string[]
  environment?: Record<string, string | null>
  user?: string
  read_only?: boolean
  cap_drop?: string[]
  profiles?: string[]
  networks: string[] | Record<string, { ipv4_address?: string } | null>
  ports?: unknown[]
  mem_limit?: string
  logging?: { options?: Record<string, string> }
  healthcheck?: { disable?: boolean }
  volumes?: string[]
}

export interface Compose {
  services: Record<string, Service>
}

/** Reads a file of compose, with its anchors merged. Variables stay as they are written. */
export function readCompose(path = 'compose.yaml'): Compose {
  return parse(readFileSync(path, 'utf8'), { merge: true })
}

/** @throws Error if there is no service of this name */
export function serviceOf(compose: Compose, name: string): Service {
  const service = compose.services[name]
  if (!service) throw new Error(`compose has no service ${name}`)
  return service
}
