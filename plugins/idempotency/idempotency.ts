import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Database } from '../../db/client.ts'
import { inOneTransaction } from '../../db/transaction.ts'
import { workOf } from '../connections/work.ts'
import { renderError, toCodedError } from '../errors/error-response.ts'
import { errors } from '../errors/errors.ts'
import { withError, withSuccessHeader } from '../openapi/declarations.ts'
import { type Answer, canFollowASuccess, dropHeaders, isRecorded, keptHeaders } from './answer.ts'
import { HEADER, readKey } from './key.ts'
import { StoredAnswer, type StoreOptions } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    idempotency: Idempotency
  }
  interface FastifyRequest {
    /** Where the answer is stored; null if the request has no `Idempotency-Key`, or the route takes none. */
    storedAnswer: StoredAnswer | null
  }
  interface FastifyContextConfig {
    /** The route takes an `Idempotency-Key`. Its handler makes its change with `idempotency.change`. */
    idempotencyKey?: boolean
  }
}

export interface ChangeWork {
  /** The database of the change. */
  db: Database
  /** @param act runs once, as soon as the change is committed */
  afterCommit(act: () => void): void
}

interface Idempotency {
  /**
   * Makes the change of a request. If the request has an `Idempotency-Key`, its answer is stored in the
   * transaction of the change, so that there is never one without the other.
   *
   * @param work makes the change, and returns the body of the answer or throws why the change is refused. It
   *   can run several times, and must have no other effect outside the database than headers of the reply
   * @throws what `work` throws, or an error of the database
   */
  change<Body>(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (work: ChangeWork) => Promise<Body>,
  ): Promise<Body>
}

/** Another attempt has stored its answer, so this one is rolled back. */
class AnsweredMeanwhile extends Error {}

const JSON_TYPE = 'application/json; charset=utf-8'
const OK = 200

/**
 * Decorates `idempotency`, and repeats the first answer to a request that is sent again with its
 * `Idempotency-Key`, on the routes with `config.idempotencyKey`. This comes after the guards and the validation,
 * and before the handler.
 */
export default fp<StoreOptions>(
  async (app, options) => {
    /**
     * The requests that this process works on, by name, with their read of a stored answer. Further requests
     * share that read, so that a thousand retries cost one query. Other processes meet at the insert.
     */
    const running = new Map<string, ReturnType<StoredAnswer['read']>>()

    app.decorateRequest('storedAnswer', null)
    app.decorate('idempotency', {
      async change(request, reply, work) {
        const { storedAnswer } = request
        const { db } = workOf(reply)
        if (!storedAnswer) return work({ db, afterCommit: (act) => act() })
        let acts: (() => void)[] = []
        const body = await inOneTransaction(db, async (joined) => {
          acts = []
          const result = await work({ db: joined, afterCommit: (act) => acts.push(act) })
          const answer = successOf(reply, result)
          if (!(await storedAnswer.insert(joined, answer))) throw new AnsweredMeanwhile()
          return result
        })
        for (const act of acts) act()
        return body
      },
    })
    app.addHook('onRoute', (route) => {
      if (!route.config?.idempotencyKey) return
      declare(route)
      const { handler } = route
      route.handler = function (request, reply) {
        const run = () => handler.call(this, request, reply)
        return request.headers[HEADER] === undefined ? run() : runOnce(request, reply, run)
      }
    })

    async function runOnce(request: FastifyRequest, reply: FastifyReply, run: () => unknown) {
      const stored = storedAnswerOf(request, options)
      if (!stored) return run()
      const { db } = workOf(reply)
      const shared = running.get(stored.name)
      if (shared) {
        const record = await shared
        if (!record) throw new errors.IDEMPOTENCY_IN_PROGRESS().retryAfter(1)
        return replay(stored.open(record), request, reply)
      }
      const reading = stored.read(db)
      running.set(stored.name, reading)
      try {
        const record = await reading
        if (record) return replay(stored.open(record), request, reply)
        request.storedAnswer = stored
        return await run()
      } catch (error) {
        dropHeaders(reply)
        const answer = await answerInstead(error, stored, db, request)
        if (answer) return replay(answer, request, reply)
        throw error
      } finally {
        running.delete(stored.name)
      }
    }
  },
  { name: 'idempotency', dependencies: ['database', 'connections', 'error-handler'] },
)

/**
 * Stores a refusal, after the rollback.
 *
 * @returns the answer of another attempt, if there is one
 */
async function answerInstead(
  error: unknown,
  stored: StoredAnswer,
  db: Database,
  { headers }: FastifyRequest,
): Promise<Answer | undefined> {
  if (error instanceof AnsweredMeanwhile) {
    const first = await stored.find(db)
    if (!first) throw new errors.SERVICE_UNAVAILABLE() // its transaction was undone, or it has expired
    return first
  }
  const coded = toCodedError(error)
  const { code, statusCode: status } = coded
  if (!canFollowASuccess(code)) return undefined
  const first = await stored.find(db)
  if (first || !isRecorded(code)) return first
  const { headers: sent, body } = renderError(coded, headers.accept)
  const answer = { status, code, headers: sent, body: Buffer.from(body) }
  return (await stored.insert(db, answer)) ? undefined : stored.find(db)
}

function storedAnswerOf(request: FastifyRequest, options: StoreOptions): StoredAnswer | undefined {
  const key = readKey(request.raw)
  if (key === undefined) return undefined
  const { actor, method, url, body, routeOptions, headers } = request
  const route = routeOptions.url ?? url
  const ifMatch = headers['if-match']
  return new StoredAnswer(
    { key, caller: actor ?? undefined, method, route, url, ifMatch, body },
    options,
  )
}

/** @returns the answer that Fastify will send */
function successOf(reply: FastifyReply, body: unknown): Answer {
  const headers = { 'content-type': JSON_TYPE, ...keptHeaders(reply) }
  // The type includes streams, which `serialize` returns for none of our bodies.
  return { status: OK, code: null, headers, body: Buffer.from(String(reply.serialize(body))) }
}

function replay(
  { status, headers, code, body }: Answer,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  request.errorCode = code
  return reply.code(status).headers(headers).header('idempotency-replayed', 'true').send(body)
}

function declare(route: RouteOptions): void {
  const schema = withError(
    withError(route.schema, 'IDEMPOTENCY_IN_PROGRESS'),
    'IDEMPOTENCY_KEY_REUSED',
  )
  route.schema = withSuccessHeader(schema, 'Idempotency-Replayed')
}
