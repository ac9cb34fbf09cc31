import openapiTypescript, { astToString } from 'openapi-typescript'

/**
 * Generates the types of a client in TypeScript, for openapi-fetch.
 *
 * @param text an OpenAPI document
 * @param command the command that makes the file, for its first line
 */
export async function clientOf(text: string, command: string): Promise<string> {
  const types = await openapiTypescript(text, { rootTypes: true, rootTypesNoSchemaPrefix: true })
  return `// Made by openapi-typescript: ${command}\n${astToString(types)}`
}

/** The command that makes the client of the last release. */
export const FREEZE = 'npm run contract:freeze'
