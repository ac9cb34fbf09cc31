// `npm run build`: compiles to dist/ and puts beside it what isn't TypeScript.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
const compiled = spawnSync('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
})
if (compiled.status !== 0) process.exit(1)
cpSync('db/migrations', 'dist/db/migrations', { recursive: true })
chmodSync('dist/src/cli.js', 0o755)
