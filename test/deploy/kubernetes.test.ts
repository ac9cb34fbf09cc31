import { type TestContext, test } from 'node:test'
import { Environment } from '../../src/config/settings/environment.ts'
import {
  type Container,
  type Manifest,
  problemsOf,
  readManifests,
} from '../support/deploy/kubernetes.ts'
import { readCompose, serviceOf } from '../support/image/compose.ts'

const manifests = readManifests()
const deployment = only('Deployment')
const job = only('Job')
const service = only('Service')
const server = podOf(deployment)
const migration = podOf(job)
/** Within which the server exits after SIGTERM, in seconds. */
const SHUTDOWN_S = 10

test('every manifest is valid for the Kubernetes API', (t: TestContext) => {
  t.assert.ok(manifests.length >= 9)
  for (const manifest of manifests) {
    t.assert.deepStrictEqual(problemsOf(manifest), [], `${manifest.kind} ${manifest.metadata.name}`)
  }
})

test('a manifest with a wrong type, a missing or a misspelled field is not valid', (t: TestContext) => {
  const changed = (change: (manifest: never) => void) => {
    const copy = structuredClone(deployment)
    change(copy as never) // each change knows the fields that it breaks
    return problemsOf(copy).join()
  }
  const wrong = changed((copy: { spec: { replicas: unknown } }) => {
    copy.spec.replicas = 'two'
  })
  t.assert.match(wrong, /replicas/)
  const missing = changed((copy: { spec: { selector?: unknown } }) => {
    delete copy.spec.selector
  })
  t.assert.match(missing, /selector/)
  const misspelled = changed((copy: { spec: { template: { spec: Record<string, unknown> } } }) => {
    copy.spec.template.spec.terminationGracePeriod = 30
  })
  t.assert.strictEqual(misspelled, 'unknown field /spec/template/spec/terminationGracePeriod')
})

test('selectors match the pods of the server, and ports, secrets and settings exist', (t: TestContext) => {
  const { labels, annotations } = server.metadata
  const selectors = [
    deployment.spec?.selector?.matchLabels,
    service.spec?.selector,
    only('PodDisruptionBudget').spec?.selector?.matchLabels,
    only('NetworkPolicy').spec?.podSelector?.matchLabels,
    server.spec.topologySpreadConstraints?.[0]?.labelSelector.matchLabels,
  ]
  for (const selector of selectors) {
    t.assert.ok(selector && Object.keys(selector).length > 0)
    for (const [name, value] of Object.entries(selector)) t.assert.strictEqual(labels[name], value)
  }
  t.assert.ok(
    Object.entries(service.spec?.selector ?? {}).some(
      ([name, value]) => migration.metadata.labels[name] !== value,
    ),
    'the service skips the migration',
  )

  const ports = new Map(
    server.container.ports?.map(({ name, containerPort }) => [name, containerPort]),
  )
  t.assert.strictEqual(ports.get(service.spec?.ports?.[0]?.targetPort ?? ''), 3000)
  const settings = only('ConfigMap').data ?? {}
  t.assert.strictEqual(String(ports.get('metrics')), settings.METRICS_PORT)
  t.assert.strictEqual(annotations?.['prometheus.io/port'], settings.METRICS_PORT)

  for (const { name, namespace } of manifests.map(({ metadata }) => metadata)) {
    t.assert.strictEqual(namespace ?? name, 'gatehouse')
  }
  for (const { configMapRef, secretRef } of server.container.envFrom ?? []) {
    if (configMapRef) t.assert.ok(find('ConfigMap', configMapRef.name), configMapRef.name)
    if (secretRef) t.assert.ok(find('Secret', secretRef.name), secretRef.name)
  }
  for (const { valueFrom } of migration.container.env ?? []) {
    const { name, key } = valueFrom.secretKeyRef
    t.assert.ok(find('Secret', name)?.stringData?.[key], `${name} has ${key}`)
  }
  const secrets = manifests.flatMap(({ data, stringData }) =>
    Object.keys({ ...data, ...stringData }),
  )
  for (const name of secrets) t.assert.ok(name in Environment.properties, `${name} is a setting`)
})

test('the pods run the commands of the image without privileges, and the server has time to drain', (t: TestContext) => {
  t.assert.strictEqual(migration.container.image, server.container.image)
  t.assert.deepStrictEqual(migration.container.command, serviceOf(readCompose(), 'migrate').command)
  t.assert.strictEqual(server.container.command, undefined, 'the command of the image')
  for (const { container } of [server, migration]) {
    t.assert.deepStrictEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  }
  const pause = server.container.lifecycle?.preStop.sleep.seconds ?? 0
  t.assert.ok((server.spec.terminationGracePeriodSeconds ?? 0) > pause + SHUTDOWN_S)
})

function find(kind: string, name: string): Manifest | undefined {
  return manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)
}

function only(kind: string): Manifest {
  const [found, ...others] = manifests.filter((manifest) => manifest.kind === kind)
  if (!found || others.length > 0) throw new Error(`there is not one ${kind}`)
  return found
}

function podOf({ kind, spec }: Manifest) {
  const template = spec?.template
  const container: Container | undefined = template?.spec.containers[0]
  if (!template || !container) throw new Error(`${kind} has no container`)
  return { metadata: template.metadata, spec: template.spec, container }
}
