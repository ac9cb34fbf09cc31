import { hash, parseOptions, verify } from '@node-rs/bcrypt'
import fp from 'fastify-plugin'
import { errors } from './errors.ts'
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
}

export type Passwords = Awaited<ReturnType<typeof createPasswords>>

/** A hash dearer than this isn't checked: an imported one of cost 31 would run for days. */
const MAX_COST = 15

/**
 * How many hashes may be wanted at once. Fastify's `handlerTimeout` ends with the body's last
 * byte, so it bounds no wait for a hash: whoever comes when this many wait is told to come later.
 */
const MAX_PENDING = 40

/** Hashing and checking of passwords; decorates `passwords`. */
export default fp<PasswordsOptions>(
  async (app, options) => {
    app.decorate('passwords', await createPasswords(options))
  },
  { name: 'passwords' },
)

export async function createPasswords({ cost, minLength }: PasswordsOptions) {
  let pending = 0

  /** @throws SERVICE_UNAVAILABLE if too many hashes are waited for already */
  async function admitted<T>(work: () => Promise<T>): Promise<T> {
    if (pending >= MAX_PENDING) throw new errors.SERVICE_UNAVAILABLE()
    pending++
    try {
      return await work()
    } finally {
      pending--
    }
  }

  const nobodysHash = await hash('the password of nobody', { cost })

  return {
    /**
     * @param username of the account, once it is known
     * @throws PASSWORD_REFUSED, with the reason, if the password may not be chosen
     */
    check(password: string, username = ''): void {
      const fault = passwordFault(password, username, minLength)
      if (fault) throw new errors.PASSWORD_REFUSED(fault).at('body.password', fault)
    },

    /** A hash at today's cost. */
    hash: (password: string): Promise<string> =>
      admitted(() => hash(password, { cost, rejectLongPasswords: true })),

    /** Whether a hash was made at a lower cost than today's. */
    isOutdated: (passwordHash: string): boolean => (costOf(passwordHash) ?? 0) < cost,

    /**
     * Checks a password in the same time, 2^cost rounds, whether there is such an account or not,
     * and whatever lower cost its hash was made at.
     *
     * Hashes of a higher cost than today's take longer: lowering the cost tells such accounts from
     * others until their passwords change.
     */
    verify: (password: string, passwordHash: string | undefined): Promise<boolean> =>
      admitted(() => verifyInConstantTime(password, passwordHash)),
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
