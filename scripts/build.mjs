// `npm run build`: compiles to dist/, and adds the files that are not TypeScript.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
const compiled = spawnSync('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
})
if (compiled.status !== 0) process.exit(1)
// Only drizzle-kit reads the snapshots, when it writes a migration.
const isNeeded = (/** @type {string} */ path) => !path.endsWith('_snapshot.json')
cpSync('db/migrations', 'dist/db/migrations', { recursive: true, filter: isNeeded })
chmodSync('dist/src/cli.js', 0o755)

// src/config/version.ts reads it.
const { name, version, type } = JSON.parse(readFileSync('package.json', 'utf8'))
const manifest = { name, version, type, private: true, isBuilt: true }
writeFileSync('dist/package.json', `${JSON.stringify(manifest, undefined, 2)}\n`)
