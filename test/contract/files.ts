import { clientOf } from '../../contract/client.ts'
import type { App } from '../support/http/build.ts'

/**
 * The generated files that are committed, by path: the two documents, and their types for clients
 * in TypeScript. `npm run openapi` renews them, and a test fails if they are outdated.
 */
export async function contractFiles(app: App): Promise<Record<string, string>> {
  await app.ready()
  return {
    'openapi.json': toText(app.swagger()),
    'openapi-3.0.json': toText(app.swagger30()),
    'examples/typescript/api.d.ts': await clientOf(
      JSON.stringify(app.swagger()),
      'npm run openapi',
    ),
  }
}

function toText(document: unknown): string {
  return `${JSON.stringify(document, null, 2)}\n`
}
