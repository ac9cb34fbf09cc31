import { hash, parseOptions, verify } from '@node-rs/bcrypt'
import fp from 'fastify-plugin'
import { errors } from '../errors/errors.ts'
import { createHashLane, type HashLaneOptions } from './hash-queue.ts'
import { isHashable, passwordFault } from './password-policy.ts'

declare module 'fastify' {
  interface FastifyInstance {
    passwords: Passwords
  }
}

export interface PasswordsOptions {
  /** bcrypt's cost: a hash takes 2^cost rounds */
  cost: number
  /** in characters */
  minLength: number
  lane: HashLaneOptions
}

export type Passwords = Awaited<ReturnType<typeof createPasswords>>

/** A hash dearer than this isn't checked: an imported one of cost 31 would run for days. */
const MAX_COST = 15

/** Hashing and checking of passwords; decorates `passwords`. */
export default fp<PasswordsOptions>(
  async (app, options) => {
    app.decorate('passwords', await createPasswords(options))
  },
  { name: 'passwords' },
)

export async function createPasswords({ cost, minLength, lane: options }: PasswordsOptions) {
  const lane = createHashLane(options)
  const nobodysHash = await hash('the password of nobody', { cost })

  return {
    lane,

    /**
     * @param username of the account, once it is known
     * @throws PASSWORD_REFUSED, with the reason, if the password may not be chosen
     */
    check(password: string, username = ''): void {
      const fault = passwordFault(password, username, minLength)
      if (fault) throw new errors.PASSWORD_REFUSED(fault).at('body.password', fault)
    },

    /**
     * A hash at today's cost.
     *
     * @throws as the lane does, HASH_CAPACITY among it
     */
    hash: (password: string, signal?: AbortSignal): Promise<string> =>
      lane.run(() => hash(password, { cost, rejectLongPasswords: true }), signal),

    /** Whether a hash was made at a lower cost than today's. */
    isOutdated: (passwordHash: string): boolean => (costOf(passwordHash) ?? 0) < cost,

    /**
     * Checks a password in the same time, 2^cost rounds, whether there is such an account or not,
     * and whatever lower cost its hash was made at.
     *
     * Hashes of a higher cost than today's take longer: lowering the cost tells such accounts from
     * others until their passwords change.
     *
     * @throws as the lane does
     */
    verify: (
      password: string,
      passwordHash: string | undefined,
      signal?: AbortSignal,
    ): Promise<boolean> => lane.run(() => verifyInConstantTime(password, passwordHash), signal),
  }

  async function verifyInConstantTime(password: string, passwordHash: string | undefined) {
    const spent = passwordHash && costOf(passwordHash)
    if (!passwordHash || !spent || spent > MAX_COST || !isHashable(password)) {
      await verify('', nobodysHash)
      return false
    }
    if (await verify(password, passwordHash)) return true
    // 2^c + 2^c + 2^(c+1) + … + 2^(cost-1) = 2^cost
    for (let filler = spent; filler < cost; filler++) {
      await hash(password, { cost: filler })
    }
    return false
  }
}

/** @returns undefined if this is no bcrypt hash */
function costOf(passwordHash: string): number | undefined {
  try {
    return parseOptions(passwordHash).cost
  } catch {
    return undefined
  }
}
