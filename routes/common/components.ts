import fp from 'fastify-plugin'
import { Event, EventOrder, EventOutcome, EventPage, EventType } from '../events/schemas.ts'
import { Health, HealthStatus } from '../health.ts'
import {
  CredentialType,
  Introspection,
  IntrospectionBatch,
  IntrospectionBatchRequest,
  IntrospectionRequest,
} from '../introspect/schemas.ts'
import { Service } from '../service.ts'
import { Credentials } from '../sessions/login.ts'
import { Session, SessionPage, SessionScope } from '../sessions/schemas.ts'
import { IssuedToken, Token, TokenPage, TokenRequest } from '../tokens/schemas.ts'
import { Registration } from '../users/register.ts'
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
import { AnonymousAccess } from '../verify/schemas.ts'
import { ApiError, ErrorCode, Fault, Problem } from './error-schemas.ts'
import { Message } from './schemas.ts'

/** Adds every schema that has an `$id`: these are the components of the document. */
export default fp(
  async (app) => {
    for (const schema of [
      ...[Role, AccountKind, User, ManagedUser, ManagedUserPage, UserChange, UserMessage, Message],
      ...[IntrospectionRequest, Introspection, IntrospectionBatchRequest, IntrospectionBatch],
      ...[CredentialType, AnonymousAccess],
      ...[ServiceRequest, Credentials, Registration, PasswordChange],
      ...[Session, SessionPage, SessionScope, Token, IssuedToken, TokenPage, TokenRequest],
      ...[EventType, EventOrder, EventOutcome, Event, EventPage],
      ...[HealthStatus, Health, Service, ErrorCode, Fault, ApiError, Problem],
    ]) {
      app.addSchema(schema)
    }
  },
  { name: 'components' },
)
