import type { ErrorCode } from '../../../plugins/errors/errors.ts'

export const PASSWORD = 'correct horse battery'

/** The operations by what a test calls them; `:own` is the id of the signed-in account. */
export const OPERATIONS = {
  login: { method: 'POST', url: '/login', role: undefined },
  createUser: { method: 'POST', url: '/user', role: undefined },
  updatePassword: { method: 'PUT', url: '/user/update-password/:own', role: 'user' },
  getUser: { method: 'GET', url: '/user/:own', role: 'user' },
  deleteUser: { method: 'DELETE', url: '/user/:own', role: 'admin' },
  updateAnyPassword: { method: 'PUT', url: '/user/update-password/:own', role: 'admin' },
  updateUser: { method: 'PATCH', url: '/user/:own', role: 'admin' },
  listUserSessions: { method: 'GET', url: '/user/:own/sessions', role: 'admin' },
  endUserSessions: { method: 'DELETE', url: '/user/:own/sessions', role: 'admin' },
  endSession: { method: 'DELETE', url: '/sessions/:own', role: 'user' },
  createToken: { method: 'POST', url: '/tokens', role: 'user' },
  endToken: { method: 'DELETE', url: '/tokens/:own', role: 'user' },
} as const

export type Operation = keyof typeof OPERATIONS

export interface BadInput {
  operation: Operation
  /** What is bad about it. */
  name: string
  /** Text and bytes are sent as they are, anything else as JSON. */
  body?: unknown
  headers?: Record<string, string>
  /** In place of the id in the path. */
  id?: string
  expected: Expected
}

/** The status, the code, and where the faults are if they are told by field. */
export type Expected = readonly [status: number, code: ErrorCode, paths?: string[], says?: RegExp]

/** The faults of these fields against the schema, one for each rule that is broken. */
export function invalid(...paths: string[]): Expected {
  return [400, 'VALIDATION_FAILED', paths]
}

export const INVALID_JSON: Expected = [400, 'INVALID_JSON']
export const UNSUPPORTED: Expected = [415, 'UNSUPPORTED_MEDIA_TYPE']
