import fp from 'fastify-plugin'
import { Event, EventPage, EventType } from '../events/events.ts'
import { Health } from '../health.ts'
import { Session, SessionPage } from '../sessions/list.ts'
import { Credentials } from '../sessions/login.ts'
import { NewToken, Token, TokenPage, TokenRequest } from '../tokens/tokens.ts'
import { NewCredentials } from '../users/register.ts'
import { ManagedUserPage, UserChange } from '../users/update.ts'
import { PasswordChange } from '../users/update-password.ts'
import { ErrorBody, ErrorCode, Fault, Problem } from './error-schemas.ts'
import { ManagedUser, Message, Role, User, UserMessage } from './schemas.ts'

/** Every schema that has a name, here and in the document. Register it before the routes. */
export default fp(
  async (app) => {
    for (const schema of [
      ...[Role, User, ManagedUser, ManagedUserPage, UserChange, UserMessage, Message],
      ...[Credentials, NewCredentials, PasswordChange],
      ...[Session, SessionPage, Token, NewToken, TokenPage, TokenRequest],
      ...[EventType, Event, EventPage, Health],
      ...[ErrorCode, Fault, ErrorBody, Problem],
    ]) {
      app.addSchema(schema)
    }
  },
  { name: 'components' },
)
