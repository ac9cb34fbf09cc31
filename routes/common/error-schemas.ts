import { Type } from '@sinclair/typebox'
import { errors } from '../../plugins/errors/errors.ts'
import { ref, stringEnum } from './schemas.ts'

export const ErrorCode = stringEnum(Object.keys(errors), {
  $id: 'ErrorCode',
  description: 'What went wrong, from a closed list',
})

export const Fault = Type.Object(
  {
    path: Type.String({ examples: ['body.username'] }),
    message: Type.String({ examples: ['is required'] }),
  },
  { $id: 'Fault', description: 'A validation error: the field, and what is wrong with it' },
)

const faults = Type.Optional(Type.Array(ref(Fault), { minItems: 1 }))
const ErrorStatus = Type.Integer({ minimum: 400, maximum: 599, format: 'int32', examples: [404] })
const Title = Type.String({ examples: ['Not Found'] })
const Detail = Type.String({ examples: ['There is no such user.'] })

export const ApiError = Type.Object(
  {
    statusCode: ErrorStatus,
    code: ref(ErrorCode),
    error: Title,
    message: Detail,
    errors: faults,
  },
  { $id: 'ApiError', description: 'The shape of every error' },
)

export const Problem = Type.Object(
  {
    type: Type.String({ examples: ['about:blank'] }),
    title: Title,
    status: ErrorStatus,
    detail: Detail,
    code: ref(ErrorCode),
    errors: faults,
  },
  {
    $id: 'Problem',
    description:
      'The same error as RFC 9457 defines it, for clients that accept `application/problem+json`',
  },
)
