import openapiTypescript, { astToString } from 'openapi-typescript'
import type { App } from '../support/build.ts'

/**
 * What is made from the routes and committed, by path: the two documents, and the types that a
 * client in TypeScript has of them. `npm run openapi` renews them, a test fails when they drift.
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
