import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findProgram } from '../../scripts/server-binary.mjs'
import { readCompose, serviceOf } from '../support/image/compose.ts'
import { readDockerfile } from '../support/image/dockerfile.ts'
import { makeFolder } from '../support/process/folder.ts'

const UNITS = ['gatehouse', 'gatehouse-migrate'].map((name) => `deploy/systemd/${name}.service`)
const SERVER = UNITS[0] ?? ''
const needsSystemd = {
  skip: findProgram('systemd-analyze') ? false : 'no systemd-analyze',
}
/** In tenths of systemd's scale from 0, the safest, to 10. */
const MAX_EXPOSURE = 15

test(
  'the units are valid for systemd, and a misspelled setting is not',
  needsSystemd,
  async (t: TestContext) => {
    const folder = await makeFolder(t)
    for (const unit of UNITS) {
      t.assert.strictEqual(await verify(folder, read(unit)), '', unit)
      const misspelled = read(unit).replace('ProtectHome=', 'ProtectHom=')
      t.assert.match(await verify(folder, misspelled), /Unknown key .*'ProtectHom'/)
    }
  },
)

test(
  'the exposure of the units is low, and grows without a protection',
  needsSystemd,
  async (t: TestContext) => {
    const folder = await makeFolder(t)
    for (const unit of UNITS) {
      t.assert.strictEqual(await exposureIsLow(folder, read(unit)), true, unit)
      const open = read(unit).replace(/^SystemCallFilter=.*\n/gm, '')
      t.assert.strictEqual(await exposureIsLow(folder, open), false)
    }
  },
)

test('the units run the commands of the image, with the same protections, and the server has time to drain', (t: TestContext) => {
  const [server = '', migrate = ''] = UNITS.map(read)
  const image = readDockerfile('Dockerfile').get('image')
  const commands = [image?.command, serviceOf(readCompose(), 'migrate').command]
  for (const [index, unit] of [server, migrate].entries()) {
    t.assert.strictEqual(settingOf(unit, 'ExecStart'), `/usr/bin/${commands[index]?.join(' ')}`)
  }
  const protections = (unit: string) =>
    unit
      .slice(unit.indexOf('DynamicUser='))
      .match(/^\w+=.*/gm)
      ?.filter((line) => !/^Wanted/.test(line))
  t.assert.deepStrictEqual(protections(server), protections(migrate))
  // Without it, Node cannot list the addresses that HOST=0.0.0.0 stands for, and the server exits.
  t.assert.match(settingOf(server, 'RestrictAddressFamilies'), /\bAF_NETLINK\b/)
  t.assert.strictEqual(settingOf(server, 'KillSignal'), 'SIGTERM')
  t.assert.ok(Number.parseInt(settingOf(server, 'TimeoutStopSec'), 10) > 10)
})

/** @returns what systemd says about the unit; nothing if it is valid */
async function verify(folder: string, unit: string): Promise<string> {
  return run(['verify', '--man=no', '--recursive-errors=no', await store(folder, unit)]).output
}

async function exposureIsLow(folder: string, unit: string): Promise<boolean> {
  const options = ['security', '--offline=true', `--threshold=${MAX_EXPOSURE}`, '--no-pager']
  return run([...options, await store(folder, unit)]).status === 0
}

/** Node may be elsewhere on this machine, and systemd looks for the program. */
async function store(folder: string, unit: string): Promise<string> {
  const path = join(folder, SERVER.split('/').at(-1) ?? '')
  await writeFile(path, unit.replace('/usr/bin/node', process.execPath))
  return path
}

function run(args: string[]) {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

function read(path: string): string {
  return readFileSync(path, 'utf8')
}

function settingOf(unit: string, name: string): string {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
}
