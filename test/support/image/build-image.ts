import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, cp, mkdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { readDockerfile, type Stage, type Step } from './dockerfile.ts'

const execute = promisify(execFile)

/** Longer than npm takes on a busy machine. */
const RUN_TIMEOUT_MS = 240_000

/**
 * Does what `docker build` does with the Dockerfile, without Docker: each stage is a folder, `RUN` runs in it,
 * and `COPY` takes what .dockerignore admits. The Node of this machine is in the place of the base image.
 *
 * @param folder an empty folder for the stages
 * @returns the last stage, and its folder
 */
export async function buildImage(folder: string): Promise<{ root: string; image: Stage }> {
  const stages = readDockerfile('Dockerfile')
  const image = stages.get('image')
  if (!image) throw new Error('the Dockerfile has no last stage without a name')
  const built = new Map<string, Promise<string>>()

  /** As BuildKit does: a stage is built once, when another one needs it, and several at the same time. */
  const build = (name: string): Promise<string> => {
    const known = built.get(name)
    if (known) return known
    const building = buildStage(name)
    built.set(name, building)
    return building
  }

  async function buildStage(name: string): Promise<string> {
    const stage = stages.get(name)
    if (!stage) throw new Error(`there is no stage ${name}`)
    const root = join(folder, name)
    await mkdir(root)
    // A container runtime makes the file system; its user may read what is not secret.
    await chmod(root, 0o755)
    if (stages.has(stage.base)) await cp(await build(stage.base), root, { recursive: true })
    else if (!/^node:\d+/.test(stage.base)) throw new Error(`${stage.base} is no image of Node`)
    for (const step of stage.steps) {
      if (step.kind !== 'copy' || !step.from) continue
      build(step.from).catch(() => undefined) // it is awaited, and its error thrown, where its files are copied
    }
    for (const step of stage.steps) await perform(step, stage, root)
    return root
  }

  async function perform(step: Step, stage: Stage, root: string): Promise<void> {
    const workFolder = join(root, stage.folder ?? '')
    await mkdir(workFolder, { recursive: true })
    if (step.kind === 'run') {
      await run(step.command, workFolder, stage.environment)
      return
    }
    const from = step.from ? await build(step.from) : undefined
    for (const source of step.sources) {
      const path = from ? join(from, source) : admitted(source)
      const isFolder = step.target.endsWith('/')
      const target = join(workFolder, step.target, isFolder ? (source.split('/').at(-1) ?? '') : '')
      await cp(path, target, { recursive: true })
    }
  }

  return { root: await build('image'), image }
}

async function run(command: string, folder: string, environment: Record<string, string>) {
  const { PATH = '', HOME = '' } = process.env
  await execute('/bin/sh', ['-c', command], {
    cwd: folder,
    timeout: RUN_TIMEOUT_MS,
    maxBuffer: 10_000_000,
    // The packages are in npm's cache, since this checkout has them.
    env: { PATH, HOME, npm_config_prefer_offline: 'true', ...environment },
  })
}

/** @returns the path in the checkout of what .dockerignore lets Docker copy */
function admitted(source: string): string {
  const [first, ...rest] = readFileSync('.dockerignore', 'utf8').trim().split('\n')
  if (first !== '*') throw new Error('.dockerignore does not begin by excluding everything')
  const admits = rest.map((line) => /^!([^*?[\]]+)$/.exec(line)?.[1] ?? line)
  const path = relative('.', resolve(source))
  if (!admits.includes(path)) throw new Error(`.dockerignore excludes ${source}`)
  return resolve(source)
}
