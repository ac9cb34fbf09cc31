import type { Break } from './breaks.ts'

const LIST = 'paths /pets get'
const CREATE = 'paths /pets post'
const SCHEMES = 'components securitySchemes'

/** Operations: their names, credentials and error codes. */
export const operationBreaks: Break[] = [
  ['operation-removed', 'a removed operation', [[CREATE]], 'POST /pets is gone'],
  [
    'operation-renamed',
    'another operationId',
    [[`${CREATE} operationId`, 'addPet']],
    'operationId becomes addPet',
  ],
  ['operation-moved', 'another tag', [[`${CREATE} tags`, ['Shop']]], 'tags become Shop'],
  [
    'security-changed',
    'a credential for a public operation',
    [[`${CREATE} security`, [{ token: [] }]]],
    'security no longer takes no credential',
  ],
  [
    'security-changed',
    'a credential that is no longer taken',
    [[`${LIST} security`, [{ token: [] }]]],
    'security no longer takes cookie',
  ],
  [
    'security-changed',
    'two credentials where one sufficed',
    [[`${LIST} security`, [{ cookie: [], token: [] }, { token: [] }]]],
    'security no longer takes cookie',
  ],
  [
    'security-changed',
    'another scope',
    [[`${LIST} x-required-scope`, 'pets:list']],
    'security needs the scope pets:list',
  ],
  [
    'scheme-changed',
    'another name of the cookie',
    [[`${SCHEMES} cookie name`, 'sid']],
    'scheme cookie changes name to sid',
  ],
  [
    'not-understood',
    'a part of a scheme that no rule covers',
    [[`${SCHEMES} token flows`, {}]],
    'scheme token changes flows',
  ],
  [
    'code-removed',
    'an error code that an operation no longer returns',
    [[`${LIST} x-error-codes`, ['INVALID']]],
    'errors lose the code FORBIDDEN',
  ],
  [
    'code-added',
    'an unknown error code of a released operation',
    [
      [`${LIST} x-error-codes`, ['INVALID', 'FORBIDDEN', 'TIRED']],
      ['components schemas ErrorCode enum', ['INVALID', 'FORBIDDEN', 'LOST', 'TIRED']],
    ],
    'errors get the code TIRED',
  ],
  [
    'not-understood',
    'a part of an operation that no rule covers',
    [[`${LIST} callbacks`, { done: {} }]],
    'operation changes callbacks',
  ],
]
