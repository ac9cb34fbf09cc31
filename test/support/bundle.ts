import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin, stop } from 'esbuild'
import { BUNDLED } from './bundled.ts'

/** These packages read files beside their own, or are binary. */
const EXTERNAL = ['@fastify/swagger-ui', '@node-rs/bcrypt', 'pino', 'pino-pretty']
/** CommonJS packages load the modules of Node with it. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

/**
 * Writes each program and its packages into a few files. Otherwise a process loads about a thousand
 * files, and most processes of the tests need more processor time for that than for their work.
 *
 * @param folder of the compiled code
 */
export async function bundlePrograms(folder: string): Promise<void> {
  await build({
    entryPoints: BUNDLED.map((script) => join(folder, script.replace(/\.ts$/, '.js'))),
    outdir: join(folder, 'bundled/src'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false, // each process reads the source maps when it starts
    external: EXTERNAL,
    plugins: [keepUrls(folder), laterImports],
    banner: { js: REQUIRE },
    logLevel: 'warning',
  })
  await stop()
}

/** Code that looks for a file beside its own finds it where it is without a bundle. */
function keepUrls(folder: string): Plugin {
  const own = new RegExp(`/${folder.replaceAll('.', '\\.')}/.*\\.js$`)
  return {
    name: 'keep-urls',
    setup: ({ onLoad }) =>
      onLoad({ filter: own }, async ({ path }) => {
        const url = JSON.stringify(pathToFileURL(path).href)
        const code = await readFile(path, 'utf8')
        return { contents: code.replaceAll('import.meta.url', url) }
      }),
  }
}

/** The bundle of a CommonJS package that `import()` loads has no names, so the package stays a file. */
const laterImports: Plugin = {
  name: 'later-imports',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^[^.]/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    ),
}
