import openapiTypescript, { astToString } from 'openapi-typescript'
import type { App } from '../support/http/build.ts'

/**
 * The generated files that are committed, by path: the two documents, and their types for clients
 * in TypeScript. `npm run openapi` renews them, and a test fails if they are outdated.
 */
export async function contractFiles(app: App): Promise<Record<string, string>> {
  await app.ready()
  const types = await openapiTypescript(JSON.stringify(app.swagger()), {
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
  })
  return {
    'openapi.json': toText(app.swagger()),
    'openapi-3.0.json': toText(app.swagger30()),
    'examples/typescript/api.d.ts': `// Made by openapi-typescript: npm run openapi\n${astToString(types)}`,
  }
}

function toText(document: unknown): string {
  return `${JSON.stringify(document, null, 2)}\n`
}
