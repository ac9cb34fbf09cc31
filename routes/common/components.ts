import fp from 'fastify-plugin'
import { Event, EventPage, EventType } from '../events/schemas.ts'
import { Health } from '../health.ts'
import {
  Introspection,
  IntrospectionBatch,
  IntrospectionBatchRequest,
  IntrospectionRequest,
} from '../introspect/schemas.ts'
import { Service } from '../service.ts'
import { Credentials } from '../sessions/login.ts'
import { Session, SessionPage } from '../sessions/schemas.ts'
import { NewToken, Token, TokenPage, TokenRequest } from '../tokens/schemas.ts'
import { NewCredentials } from '../users/register.ts'
import {
  AccountKind,
  ManagedUser,
  ManagedUserPage,
  Role,
  User,
  UserMessage,
} from '../users/schemas.ts'
import { ServiceRequest } from '../users/services.ts'
import { UserChange } from '../users/update.ts'
import { PasswordChange } from '../users/update-password.ts'
import { ErrorBody, ErrorCode, Fault, Problem } from './error-schemas.ts'
import { Message } from './schemas.ts'

/** Adds every schema that has an `$id`: these are the components of the document. */
export default fp(
  async (app) => {
    for (const schema of [
      ...[Role, AccountKind, User, ManagedUser, ManagedUserPage, UserChange, UserMessage, Message],
      ...[IntrospectionRequest, Introspection, IntrospectionBatchRequest, IntrospectionBatch],
      ServiceRequest,
      ...[Credentials, NewCredentials, PasswordChange],
      ...[Session, SessionPage, Token, NewToken, TokenPage, TokenRequest],
      ...[EventType, Event, EventPage, Health, Service],
      ...[ErrorCode, Fault, ErrorBody, Problem],
    ]) {
      app.addSchema(schema)
    }
  },
  { name: 'components' },
)
