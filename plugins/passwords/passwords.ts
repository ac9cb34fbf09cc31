import { hash, parseOptions, verify } from '@node-rs/bcrypt'
import fp from 'fastify-plugin'
import { errors } from '../errors/errors.ts'
import { HashQueue, type HashQueueOptions } from './hash-queue.ts'
import { isHashable, passwordFault } from './password-policy.ts'

declare module 'fastify' {
  interface FastifyInstance {
    passwords: Passwords
  }
}

export interface PasswordsOptions {
  /** bcrypt's cost: a hash takes 2^cost rounds. */
  cost: number
  /** In characters. */
  minLength: number
  queue: HashQueueOptions
}

export type Passwords = Awaited<ReturnType<typeof createPasswords>>

/** A hash of a higher cost is not checked: an imported one of cost 31 would run for days. */
const MAX_COST = 15

/** Decorates `passwords`: the password policy, hashing and verification. */
export default fp<PasswordsOptions>(
  async (app, options) => {
    app.decorate('passwords', await createPasswords(options))
  },
  { name: 'passwords' },
)

export async function createPasswords({ cost, minLength, queue: options }: PasswordsOptions) {
  const queue = new HashQueue(options)
  const nobodysHash = await hash('the password of nobody', { cost })

  return {
    queue,

    /**
     * @param username of the account, if it is known
     * @throws PASSWORD_REFUSED, with the reason, if the policy refuses the password
     */
    check(password: string, username = ''): void {
      const fault = passwordFault(password, username, minLength)
      if (fault) throw new errors.PASSWORD_REFUSED(fault).at('body.password', fault)
    },

    /**
     * Hashes a password at the configured cost.
     *
     * @throws HASH_CAPACITY, ClientGone
     */
    hash: (password: string, signal?: AbortSignal): Promise<string> =>
      queue.run(() => hash(password, { cost, rejectLongPasswords: true }), signal),

    /** Whether a hash has a lower cost than the configured one. */
    isOutdated: (passwordHash: string): boolean => (costOf(passwordHash) ?? 0) < cost,

    /**
     * Verifies a password in the same time, 2^cost rounds, whether the account exists or not, and
     * for hashes of any lower cost (OWASP ASVS 5.0, 6.3.8).
     *
     * A hash of a higher cost takes longer. So after the cost is lowered, response times reveal
     * the accounts with older hashes until their passwords change.
     *
     * @throws HASH_CAPACITY, ClientGone
     */
    verify: (
      password: string,
      passwordHash: string | undefined,
      signal?: AbortSignal,
    ): Promise<boolean> => queue.run(() => verifyInConstantTime(password, passwordHash), signal),
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

/** @returns undefined if this is not a bcrypt hash */
function costOf(passwordHash: string): number | undefined {
  try {
    return parseOptions(passwordHash).cost
  } catch {
    return undefined
  }
}
