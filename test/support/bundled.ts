/** The programs that tests start most often. `compile` bundles each of them. */
export const BUNDLED = ['src/cli.ts', 'src/server.ts']

/** @returns the bundled form of a script, or the script if there is none; both below the build */
export function bundled(script: string): string {
  return BUNDLED.includes(script) ? `bundled/${script}` : script
}
