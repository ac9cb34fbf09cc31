import type { Break } from './breaks.ts'
import { ref } from './small-document.ts'

const LISTED = 'paths /pets get responses'
const CREATED = 'paths /pets post responses'
const PET = 'components schemas Pet'
const KINDS = 'components schemas Kind enum'

/** What a client receives. */
export const responseBreaks: Break[] = [
  ['status-removed', 'a removed status', [[`${LISTED} 400`]], 'response 400 is gone'],
  [
    'status-unexpected',
    'a new success',
    [[`${LISTED} 204`, { description: 'None' }]],
    'response 204 is new',
  ],
  [
    'status-unexpected',
    'a new error of an operation without a default response',
    [[`${CREATED} 409`, { description: 'Conflict' }]],
    'response 409 is new',
  ],
  [
    'schema-renamed',
    'a new error of another shape than the default response',
    [[`${LISTED} 409`, { content: { 'application/json': { schema: ref('Pet') } } }]],
    'response 409 application/json changes its schema from ApiError to Pet',
  ],
  [
    'header-removed',
    'a removed header',
    [[`${LISTED} 200 headers Link`]],
    'response 200 header Link is gone',
  ],
  [
    'header-optional',
    'a header that becomes optional',
    [[`${LISTED} 200 headers X-Request-Id required`, false]],
    'response 200 header X-Request-Id becomes optional',
  ],
  [
    'property-removed',
    'a removed property',
    [[`${PET} properties nick`]],
    'responses: Pet.nick is gone',
  ],
  [
    'property-optional',
    'a property that becomes optional',
    [[`${PET} required`, ['kind', 'bornAt', 'label']]],
    'responses: Pet.id becomes optional',
  ],
  [
    'null-added',
    'a property that can be null',
    [[`${PET} properties id type`, ['integer', 'null']]],
    'responses: Pet.id can be null',
  ],
  [
    'type-added',
    'a property with another type',
    [[`${PET} properties id type`, ['integer', 'string']]],
    'responses: Pet.id can be string',
  ],
  [
    'type-added',
    'a property without a type',
    [[`${PET} properties nick type`]],
    'responses: Pet.nick can be array',
  ],
  [
    'type-added',
    'numbers in place of integers',
    [[`${PET} properties id type`, 'number']],
    'responses: Pet.id can be number',
  ],
  [
    'value-added',
    'a new value of an enum',
    [[KINDS, ['cat', 'dog', 'cow']]],
    'responses: Kind gets the value cow',
  ],
  [
    'value-removed',
    'a removed value of an enum',
    [[KINDS, ['dog']]],
    'responses: Kind loses the value cat',
  ],
  ['response-widened', 'an enum that is gone', [[KINDS]], 'responses: Kind has no enum any more'],
  [
    'response-widened',
    'a higher maximum',
    [[`${PET} properties id maximum`, 2_000]],
    'responses: Pet.id changes maximum from 1000 to 2000',
  ],
  [
    'response-widened',
    'a lower minimum',
    [[`${PET} properties id minimum`, 0]],
    'responses: Pet.id changes minimum from 1 to 0',
  ],
  [
    'response-widened',
    'a removed pattern',
    [[`${PET} properties nick pattern`]],
    'responses: Pet.nick changes pattern from "^[a-z]+$" to none',
  ],
  [
    'response-widened',
    'items that can repeat',
    [[`${PET} properties parents uniqueItems`]],
    'responses: Pet.parents changes uniqueItems from true to none',
  ],
  [
    'response-widened',
    'a closed object that is opened',
    [['components schemas Label additionalProperties']],
    'responses: Label can have more properties that it does not name',
  ],
  [
    'response-widened',
    'a new property of a closed object',
    [['components schemas Label properties lang', { type: 'string' }]],
    'responses: Label.lang is new',
  ],
  [
    'format-changed',
    'another format',
    [[`${PET} properties bornAt format`, 'date']],
    'responses: Pet.bornAt changes format from "date-time" to "date"',
  ],
  [
    'content-type-removed',
    'a removed content type',
    [[`${CREATED} 200 content application/xml`]],
    'response 200 application/xml is gone',
  ],
  [
    'schema-renamed',
    'another name of a schema',
    [
      [
        'components schemas Tag',
        { type: 'object', additionalProperties: false, properties: { text: { type: 'string' } } },
      ],
      ['components schemas Label'],
      [`${PET} properties label`, ref('Tag')],
    ],
    'responses: Pet.label changes its schema from Label to Tag',
  ],
  [
    'link-removed',
    'a removed link',
    [[`${CREATED} 200 links readPet`]],
    'response 200 link readPet is gone',
  ],
  [
    'link-changed',
    'a link with other parameters',
    [[`${CREATED} 200 links readPet parameters kind`, '$response.body#/id']],
    'response 200 link readPet changes',
  ],
]
