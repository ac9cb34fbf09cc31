import type { Config } from '../config/config.ts'
import { VERSION } from '../config/version.ts'

interface ReadyMessagesOptions {
  config: Pick<Config, 'DOCS_ENABLED'>
  /** Where this machine reaches the server, unless only its workers know their port. */
  url: string | undefined
  /** The folder of the private database, if there is one. */
  dataFolder: string | undefined
}

/** @returns what to log once the server listens */
export function readyMessages({ config, url, dataFolder }: ReadyMessagesOptions): string[] {
  return [
    `Gatehouse ${VERSION} is ready`,
    ...(config.DOCS_ENABLED && url ? [`The API documentation is at ${url}/docs`] : []),
    ...(dataFolder === undefined
      ? []
      : [
          `The data is in ${dataFolder}`,
          'To create an admin: npm run --silent gatehouse -- user create NAME --role admin',
        ]),
  ]
}
