import { readFileSync } from 'node:fs'

/**
 * The repository's package.json, or the one that `scripts/build.mjs` writes into `dist/`. That one
 * has `isBuilt`, because neither the file's extension nor its folder distinguishes a build from the
 * compiled tests.
 */
const file = new URL('../../package.json', import.meta.url)
const manifest: { version: string; isBuilt?: boolean } = JSON.parse(readFileSync(file, 'utf8'))

/** The version of the package, of the OpenAPI document and of the command line. */
export const VERSION = manifest.version

/** Whether `npm run build` made this code. It then never uses a private database. */
export const IS_BUILT = manifest.isBuilt === true
