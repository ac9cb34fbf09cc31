import type { Break } from './breaks.ts'

const LIMIT = 'paths /pets get parameters 0'
const KIND = 'paths /pets get parameters 1'
const BODY = 'paths /pets post requestBody'
const SCHEMA = 'components schemas PetRequest'
const PROPERTIES = `${SCHEMA} properties`

/** What a client sends. */
export const requestBreaks: Break[] = [
  [
    'parameter-removed',
    'a removed parameter',
    [['paths /pets get parameters', []]],
    'query limit is gone',
  ],
  [
    'property-refused',
    'a removed property of a body',
    [[`${PROPERTIES} weight`]],
    'requests: PetRequest.weight is gone',
  ],
  ['body-removed', 'a removed body', [[BODY]], 'body is gone'],
  [
    'request-required',
    'a new required parameter',
    [['paths /pets post parameters', [{ in: 'query', name: 'shop', required: true, schema: {} }]]],
    'query shop is new and required',
  ],
  [
    'request-required',
    'a new required property',
    [
      [`${PROPERTIES} shop`, { type: 'string' }],
      [`${SCHEMA} required`, ['name', 'shop']],
    ],
    'requests: PetRequest.shop is new and required',
  ],
  [
    'request-required',
    'an optional parameter that becomes required',
    [[`${LIMIT} required`, true]],
    'query limit becomes required',
  ],
  [
    'request-required',
    'an optional property that becomes required',
    [[`${SCHEMA} required`, ['name', 'weight']]],
    'requests: PetRequest.weight becomes required',
  ],
  [
    'request-required',
    'a new required body',
    [['paths /pets get requestBody', { required: true, content: {} }]],
    'body is new or becomes required',
  ],
  [
    'request-narrowed',
    'another pattern',
    [[`${PROPERTIES} name pattern`, '^[a-z]{2,}$']],
    'requests: PetRequest.name changes pattern from "^[a-z]+$" to "^[a-z]{2,}$"',
  ],
  [
    'request-narrowed',
    'a higher minLength',
    [[`${PROPERTIES} name minLength`, 2]],
    'requests: PetRequest.name changes minLength from 1 to 2',
  ],
  [
    'request-narrowed',
    'a lower maxLength',
    [[`${PROPERTIES} name maxLength`, 40]],
    'requests: PetRequest.name changes maxLength from 80 to 40',
  ],
  [
    'request-narrowed',
    'a lower maximum',
    [[`${LIMIT} schema maximum`, 20]],
    'query limit changes maximum from 50 to 20',
  ],
  [
    'request-narrowed',
    'a higher minItems',
    [[`${PROPERTIES} notes minItems`, 2]],
    'requests: PetRequest.notes changes minItems from 1 to 2',
  ],
  [
    'request-narrowed',
    'a limit where there was none',
    [[`${PROPERTIES} notes items maxLength`, 9]],
    'requests: PetRequest.notes[] changes maxLength from none to 9',
  ],
  [
    'request-narrowed',
    'items that have to differ',
    [[`${PROPERTIES} notes uniqueItems`, true]],
    'requests: PetRequest.notes changes uniqueItems from none to true',
  ],
  [
    'request-narrowed',
    'an object that is closed',
    [[`${PROPERTIES} extra additionalProperties`, false]],
    'requests: PetRequest.extra takes fewer properties that it does not name',
  ],
  [
    'request-narrowed',
    'a limit of the properties that an object does not name',
    [[`${PROPERTIES} extra additionalProperties maxLength`, 9]],
    'requests: PetRequest.extra.* changes maxLength from none to 9',
  ],
  [
    'request-narrowed',
    'an enum where there was none',
    [[`${PROPERTIES} name enum`, ['tom']]],
    'requests: PetRequest.name takes only values of an enum',
  ],
  [
    'default-changed',
    'another default',
    [[`${LIMIT} schema default`, 10]],
    'query limit changes default from 20 to 10',
  ],
  [
    'serialization-changed',
    'another style of a parameter',
    [[`${LIMIT} style`, 'pipeDelimited']],
    'query limit changes style',
  ],
  [
    'type-removed',
    'a type that is no longer taken',
    [[`${PROPERTIES} weight type`, 'number']],
    'requests: PetRequest.weight no longer takes null',
  ],
  [
    'type-removed',
    'integers in place of numbers',
    [[`${PROPERTIES} weight type`, ['integer', 'null']]],
    'requests: PetRequest.weight no longer takes number',
  ],
  [
    'format-changed',
    'a new format',
    [[`${PROPERTIES} name format`, 'uuid']],
    'requests: PetRequest.name changes format from none to "uuid"',
  ],
  [
    'value-removed',
    'a value of an enum that is no longer taken',
    [['components schemas Kind enum', ['cat']]],
    'requests: Kind loses the value dog',
  ],
  [
    'content-type-removed',
    'a content type that is no longer taken',
    [[`${BODY} content application/xml`]],
    'body application/xml is no longer taken',
  ],
  [
    'schema-renamed',
    'an enum that a parameter no longer refers to',
    [[`${KIND} schema`, { type: 'string', enum: ['cat', 'dog'] }]],
    'query kind changes its schema from Kind to none',
  ],
  [
    'not-understood',
    'a list whose items have no schema any more',
    [[`${PROPERTIES} notes items`]],
    'requests: PetRequest.notes changes items',
  ],
  [
    'not-understood',
    'a part of a body that no rule covers',
    [[`${BODY} x-signed`, true]],
    'body changes x-signed',
  ],
  [
    'not-understood',
    'a keyword that no rule covers',
    [[`${PROPERTIES} name not`, { const: 'tom' }]],
    'requests: PetRequest.name changes not',
  ],
]
