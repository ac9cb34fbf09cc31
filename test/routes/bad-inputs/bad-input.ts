import type { ErrorCode } from '../../../plugins/errors/errors.ts'

export const PASSWORD = 'correct horse battery'

/** The operations by name. `:own` is the id of the signed-in account. */
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
  /** What is invalid. */
  name: string
  /** Strings and buffers are sent unchanged, other values as JSON. */
  body?: unknown
  headers?: Record<string, string>
  /** Replaces the id in the path. */
  id?: string
  expected: Expected
}

/** The status, the code, and the fields with validation errors. */
export type Expected = readonly [status: number, code: ErrorCode, paths?: string[], says?: RegExp]

/** Validation errors of these fields, one for each rule. */
export function invalid(...paths: string[]): Expected {
  return [400, 'VALIDATION_FAILED', paths]
}

export const INVALID_JSON: Expected = [400, 'INVALID_JSON']
export const UNSUPPORTED: Expected = [415, 'UNSUPPORTED_MEDIA_TYPE']
