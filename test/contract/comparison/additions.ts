import type { Break } from './breaks.ts'
import type { Edit } from './edits.ts'

const LIST = 'paths /pets get'
const CREATE = 'paths /pets post'
const REQUEST = 'components schemas PetRequest'

/** A rule, a change that breaks no client, and its line for CHANGELOG.md. */
export const additions: Break[] = [
  [
    'operation-added',
    'a new operation with a code and a schema of its own',
    [
      [
        'paths /shops',
        {
          get: {
            operationId: 'listShops',
            summary: 'List the shops',
            'x-error-codes': ['TIRED'],
            responses: { 200: { content: { 'application/json': { schema: { type: 'null' } } } } },
          },
        },
      ],
      ['components schemas ErrorCode enum', ['INVALID', 'FORBIDDEN', 'LOST', 'TIRED']],
    ],
    '- Added: `GET /shops` (`listShops`). List the shops',
  ],
  [
    'request-added',
    'a new optional parameter',
    [[`${CREATE} parameters`, [{ in: 'header', name: 'Idempotency-Key', schema: {} }]]],
    '- Added: header Idempotency-Key (`createPet`)',
  ],
  [
    'request-added',
    'a new optional property of a closed body',
    [[`${REQUEST} properties shop`, { type: 'string' }]],
    '- Added: requests: PetRequest.shop (`createPet`)',
  ],
  [
    'status-added',
    'a new error with the shape of the default response',
    [
      [
        `${LIST} responses 409`,
        { content: { 'application/json': { schema: { $ref: '#/components/schemas/ApiError' } } } },
      ],
    ],
    '- Added: response 409 (`listPets`)',
  ],
  [
    'code-listed',
    'a released error code that another operation returns',
    [[`${LIST} x-error-codes`, ['INVALID', 'FORBIDDEN', 'LOST']]],
    '- Added: errors get the code LOST (`listPets`)',
  ],
  [
    'header-added',
    'a new header',
    [[`${LIST} responses 200 headers ETag`, { schema: { type: 'string' } }]],
    '- Added: response 200 header ETag (`listPets`)',
  ],
  [
    'property-added',
    'a new property of an open response, in two operations',
    [['components schemas Pet properties color', { type: 'string' }]],
    '- Added: responses: Pet.color (`listPets`, `createPet`)',
  ],
  [
    'value-accepted',
    'a new value of an enum that only requests have',
    [
      ['components schemas Pet properties kind', { $ref: '#/components/schemas/Kind' }],
      [`${REQUEST} properties weight enum`, [1, 2]],
    ],
    '- Added: requests: PetRequest.weight takes the value 2 (`createPet`)',
  ],
  [
    'content-type-added',
    'a new content type of a response',
    [[`${LIST} responses 200 content text/csv`, {}]],
    '- Added: response 200 text/csv (`listPets`)',
  ],
  [
    'content-type-added',
    'a new content type of a request',
    [[`${CREATE} requestBody content text/csv`, {}]],
    '- Added: body text/csv is taken (`createPet`)',
  ],
  [
    'link-added',
    'a new link',
    [[`${LIST} responses 200 links`, { createPet: { operationId: 'createPet' } }]],
    '- Added: response 200 link createPet (`listPets`)',
  ],
  [
    'credential-added',
    'a further credential',
    [[`${LIST} security`, [{ cookie: [] }, { token: [] }, { key: [] }]]],
    '- Added: security takes key (`listPets`)',
  ],
  [
    'request-widened',
    'a higher maxLength of a request',
    [[`${REQUEST} properties name maxLength`, 90]],
    '- Changed: requests: PetRequest.name changes maxLength from 80 to 90 (`createPet`)',
  ],
  [
    'request-widened',
    'a required property that becomes optional',
    [[`${REQUEST} required`, []]],
    '- Changed: requests: PetRequest.name becomes optional (`createPet`)',
  ],
  [
    'request-widened',
    'a required parameter that becomes optional',
    [[`${LIST} parameters 1 required`, false]],
    '- Changed: query kind becomes optional (`listPets`)',
  ],
  [
    'request-widened',
    'a required body that becomes optional',
    [[`${CREATE} requestBody required`, false]],
    '- Changed: body becomes optional (`createPet`)',
  ],
  [
    'request-widened',
    'an enum of a request that is gone',
    [[`${REQUEST} properties weight enum`]],
    '- Changed: requests: PetRequest.weight takes values beside its enum (`createPet`)',
  ],
  [
    'request-added',
    'a new optional body',
    [[`${LIST} requestBody`, { content: {} }]],
    '- Added: body (`listPets`)',
  ],
  [
    'request-widened',
    'a further type of a request',
    [[`${REQUEST} properties name type`, ['string', 'null']]],
    '- Changed: requests: PetRequest.name takes null (`createPet`)',
  ],
  [
    'request-widened',
    'no scope any more',
    [[`${LIST} x-required-scope`]],
    '- Changed: security needs no scope (`listPets`)',
  ],
  [
    'operation-deprecated',
    'a deprecated operation',
    [[`${LIST} deprecated`, true]],
    '- Deprecated: operation is deprecated (`listPets`)',
  ],
]

/** Changes that are neither a break nor news. */
export const silent: [title: string, edits: Edit[]][] = [
  ['no change', []],
  ['another description', [['components schemas Pet description', 'A pet']]],
  ['a default that is documented', [['paths /pets get parameters 2 schema default', '*']]],
  ['another order of an enum', [['components schemas Kind enum', ['dog', 'cat']]]],
  [
    'a property that becomes required in responses',
    [['components schemas PetPage required', ['items']]],
  ],
  [
    'a response that is never null any more',
    [['components schemas Pet properties bornAt type', 'string']],
  ],
  ['a lower maximum of a response', [['components schemas Pet properties id maximum', 10]]],
  ['a closed response', [['components schemas PetPage additionalProperties', false]]],
  [
    'uniqueItems that is false in place of absent',
    [[`${REQUEST} properties notes uniqueItems`, false]],
  ],
  [
    'additionalProperties that is true in place of absent',
    [['components schemas Pet additionalProperties', true]],
  ],
  [
    'headers in another case',
    [
      [`${LIST} parameters 2 name`, 'if-match'],
      [`${LIST} responses 200 headers link`, { schema: { type: 'string' } }],
      [`${LIST} responses 200 headers Link`],
    ],
  ],
]
