import fp from 'fastify-plugin'
import { ManagedUserPage, UserChange } from './administration.ts'
import { ErrorBody, ErrorCode, Fault, Problem } from './error-schemas.ts'
import { Event, EventPage, EventType } from './events.ts'
import { Health } from './health.ts'
import { Credentials } from './login.ts'
import { PasswordChange } from './password.ts'
import { NewCredentials } from './registration.ts'
import { ManagedUser, Message, Role, User, UserMessage } from './schemas.ts'
import { Session, SessionPage } from './session-list.ts'
import { NewToken, Token, TokenPage, TokenRequest } from './tokens.ts'

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
