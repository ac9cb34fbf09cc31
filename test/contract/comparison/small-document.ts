import type { Json } from '../../../contract/json.ts'

export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: object) => ({ 'application/json': { schema } })
const defaultError = { description: 'An error', content: json(ref('ApiError')) }

/** Each rule of the comparison has something to break in it. */
export const SMALL: Json = {
  openapi: '3.1.0',
  info: { title: 'Pets', version: '1.4.0' },
  paths: {
    '/pets': {
      get: {
        operationId: 'listPets',
        tags: ['Pets'],
        security: [{ cookie: [] }, { token: [] }],
        'x-required-scope': 'pets:read',
        'x-error-codes': ['INVALID', 'FORBIDDEN'],
        parameters: [
          {
            in: 'query',
            name: 'limit',
            schema: { type: 'integer', minimum: 1, maximum: 50, default: 20 },
          },
          { in: 'query', name: 'kind', required: true, schema: ref('Kind') },
          { in: 'header', name: 'If-Match', schema: { type: 'string' } },
        ],
        responses: {
          200: {
            description: 'A page',
            headers: {
              Link: { schema: { type: 'string' } },
              'X-Request-Id': { required: true, schema: { type: 'string' } },
            },
            content: json(ref('PetPage')),
          },
          400: { description: 'Invalid', content: json(ref('ApiError')) },
          default: defaultError,
        },
      },
      post: {
        operationId: 'createPet',
        tags: ['Pets'],
        security: [],
        'x-error-codes': ['INVALID'],
        requestBody: {
          required: true,
          content: { ...json(ref('PetRequest')), 'application/xml': { schema: ref('PetRequest') } },
        },
        responses: {
          200: {
            description: 'The pet',
            content: { ...json(ref('Pet')), 'application/xml': { schema: ref('Pet') } },
            links: {
              readPet: { operationId: 'listPets', parameters: { kind: '$response.body#/kind' } },
            },
          },
        },
      },
    },
  },
  components: {
    securitySchemes: {
      cookie: { type: 'apiKey', in: 'cookie', name: 'session' },
      token: { type: 'http', scheme: 'bearer' },
    },
    schemas: {
      Kind: { type: 'string', enum: ['cat', 'dog'] },
      Pet: {
        type: 'object',
        required: ['id', 'kind', 'bornAt', 'label'],
        properties: {
          id: { type: 'integer', format: 'int64', minimum: 1, maximum: 1_000 },
          kind: ref('Kind'),
          bornAt: { type: ['string', 'null'], format: 'date-time' },
          label: ref('Label'),
          nick: { type: 'string', pattern: '^[a-z]+$' },
          parents: { type: 'array', items: ref('Pet'), maxItems: 2, uniqueItems: true },
        },
      },
      Label: {
        type: 'object',
        additionalProperties: false,
        properties: { text: { type: 'string' } },
      },
      PetPage: {
        type: 'object',
        required: ['items'],
        properties: { items: { type: 'array', items: ref('Pet') } },
      },
      PetRequest: {
        type: 'object',
        additionalProperties: false,
        required: ['name'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 80, pattern: '^[a-z]+$' },
          weight: { type: ['number', 'null'] },
          notes: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 5 },
          extra: { type: 'object', additionalProperties: { type: 'string' } },
        },
      },
      ErrorCode: { type: 'string', enum: ['INVALID', 'FORBIDDEN', 'LOST'] },
      ApiError: { type: 'object', required: ['code'], properties: { code: ref('ErrorCode') } },
    },
  },
}
