import { execFile } from 'node:child_process'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Longer than a build and an installation take on a busy machine. */
const TIMEOUT_MS = 240_000
/** Folders of a checkout that are large, and that no package has. */
const LEFT_OUT = ['.git', '.data', '.test-build', 'coverage', 'dist', 'node_modules', 'test']
/** Git ignores them, but npm does not. */
const SECRETS = ['.env', 'deploy/nginx/tls/key.pem', 'load/data/tokens.csv']

/**
 * Runs `npm pack` in a copy of the checkout, which has what a checkout should not leak: secrets.
 *
 * @param folder empty
 * @returns the path of the package
 */
export async function pack(folder: string): Promise<string> {
  const copy = join(folder, 'checkout')
  const filter = (path: string) => !LEFT_OUT.includes(path)
  await cp('.', copy, { recursive: true, filter })
  await mkdir(join(copy, 'test'))
  await writeFile(join(copy, 'test/something.test.ts'), '')
  for (const path of SECRETS) {
    await mkdir(dirname(join(copy, path)), { recursive: true })
    await writeFile(join(copy, path), 'a secret')
  }
  await symlink(resolve('node_modules'), join(copy, 'node_modules'))
  const { stdout } = await run('npm', ['pack', '--pack-destination', folder], copy)
  return join(folder, stdout.trim().split('\n').at(-1) ?? '')
}

/** @returns the paths in a package, without the folder that npm puts around them */
export async function contentOf(file: string): Promise<string[]> {
  const { stdout } = await run('tar', ['-tzf', file])
  return stdout
    .trim()
    .split('\n')
    .map((path) => path.replace('package/', ''))
}

/** @returns the text of a file in a package */
export async function textIn(file: string, path: string): Promise<string> {
  return (await run('tar', ['-xzOf', file, `package/${path}`])).stdout
}

/** Unpacks a package into an existing folder. */
export async function unpack(file: string, folder: string): Promise<void> {
  await run('tar', ['-xzf', file, '-C', folder, '--strip-components=1'])
}

/** Runs a program to its end. Rejects unless it ends with 0. */
export function run(program: string, args: string[], cwd = '.') {
  const { PATH = '', HOME = '' } = process.env
  // The packages are in npm's cache, since this checkout has them.
  const env = { PATH, HOME, npm_config_prefer_offline: 'true', npm_config_audit: 'false' }
  return execute(program, args, { cwd, env, timeout: TIMEOUT_MS, maxBuffer: 10_000_000 })
}
