import { hash, parseOptions, verify } from '@node-rs/bcrypt'
import fp from 'fastify-plugin'
import { errors } from '../errors/errors.ts'
import { HashQueue, type HashQueueOptions, type HashTurn } from './hash-queue.ts'
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
  queue: Omit<HashQueueOptions, 'expectedMs'>
}

/** `isOutdated`: whether the hash should be renewed, from the password that was verified. */
export type Verification = { ok: true; isOutdated: boolean } | { ok: false }

export type Passwords = Awaited<ReturnType<typeof createPasswords>>

/** A hash of a higher cost is not checked: an imported one of cost 31 would run for days. */
const MAX_COST = 15

/**
 * Decorates `passwords`: the password policy, hashing and verification. Passwords are taken as
 * sent. New ones are checked and hashed in NFC (NIST SP 800-63B-4 3.1.1.2, RFC 8265 4.2.2), so that
 * one typed on another system is the same password.
 */
export default fp<PasswordsOptions>(
  async (app, options) => {
    app.decorate('passwords', await createPasswords(options))
  },
  { name: 'passwords' },
)

export async function createPasswords({ cost, minLength, queue: options }: PasswordsOptions) {
  const startedAt = performance.now()
  const nobodysHash = await hash('the password of nobody', { cost })
  const queue = new HashQueue({ ...options, expectedMs: performance.now() - startedAt })

  return {
    queue,

    /**
     * @param username of the account, if it is known
     * @throws PASSWORD_REFUSED, with the reason, if the policy refuses the password
     */
    check(password: string, username = ''): void {
      const fault = passwordFault(password.normalize(), username, minLength)
      if (fault) throw new errors.PASSWORD_REFUSED(fault).at('body.password', fault)
    },

    /**
     * Hashes a password at the configured cost.
     *
     * @throws HASH_CAPACITY, OperationError `CLIENT_GONE`
     */
    hash: (password: string, signal?: AbortSignal): Promise<string> =>
      queue.run(() => hash(password.normalize(), { cost, rejectLongPasswords: true }), { signal }),

    /**
     * Verifies a password in the same time, 2^cost rounds, whether the account exists or not, and
     * for hashes of any lower cost (OWASP ASVS 5.0, 6.3.8). A password that is not in NFC and does
     * not match in NFC is tried as sent, too, which doubles the time for all accounts alike.
     *
     * A hash of a higher cost takes longer. So after the cost is lowered, response times reveal
     * the accounts with older hashes until their passwords change.
     *
     * @throws HASH_CAPACITY, OperationError `CLIENT_GONE`
     */
    verify: (
      password: string,
      passwordHash: string | undefined,
      turn?: HashTurn,
    ): Promise<Verification> => queue.run(() => verifyForms(password, passwordHash), turn),
  }

  /** In one slot: between two, a full queue could leave a guess half checked, and uncounted. */
  async function verifyForms(
    password: string,
    passwordHash: string | undefined,
  ): Promise<Verification> {
    const normalized = password.normalize()
    if (await verifyInConstantTime(normalized, passwordHash)) {
      return { ok: true, isOutdated: (costOf(passwordHash) ?? 0) < cost }
    }
    if (password === normalized) return { ok: false }
    const ok = await verifyInConstantTime(password, passwordHash)
    // A password can be longer in NFC, and then it keeps the hash of the form as sent.
    return ok ? { ok, isOutdated: isHashable(normalized) } : { ok }
  }

  async function verifyInConstantTime(password: string, passwordHash: string | undefined) {
    const spent = costOf(passwordHash)
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
function costOf(passwordHash = ''): number | undefined {
  try {
    return parseOptions(passwordHash).cost
  } catch {
    return undefined
  }
}
