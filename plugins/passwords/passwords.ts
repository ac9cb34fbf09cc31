import { hash, verify } from '@node-rs/bcrypt'
import fp from 'fastify-plugin'
import { errors } from '../errors/errors.ts'
import { hashAsWerkzeug, verifyForeign } from './foreign-hash.ts'
import { HashQueue, type HashQueueOptions, type HashRunOptions } from './hash-queue.ts'
import { HashWork } from './hash-work.ts'
import { isHashable, passwordFault } from './password-policy.ts'
import { type ClassifiedHash, classifyHash, type ForeignHash } from './stored-hash.ts'

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
  const rounds = 2 ** cost
  const hashWork = new HashWork()
  const nobodysHash = await hashWork.countRounds(rounds, () =>
    hash('the password of nobody', { cost }),
  )
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
    hash: (password: string, options?: Omit<HashRunOptions, 'place'>): Promise<string> =>
      queue.run(() => hashAtCost(password.normalize()), options),

    /**
     * Hashes any password of an account that comes from another service, without a check: with
     * bcrypt, or with Werkzeug's scrypt if the password is longer than bcrypt reads.
     *
     * Runs in the hash queue. A caller with many passwords keeps at most `concurrency` calls open.
     * Then none of them waits, and none is refused.
     *
     * @throws HASH_CAPACITY, TypeError if the password contains half of a surrogate pair: it has
     *   no UTF-8, so no login could match
     */
    async hashImported(password: string): Promise<string> {
      if (!password.isWellFormed()) throw new TypeError('The password is not well-formed Unicode.')
      const normalized = password.normalize()
      return queue.run(() =>
        isHashable(normalized) ? hashAtCost(normalized) : hashAsWerkzeug(normalized),
      )
    },

    /**
     * Verifies a password in the same time, 2^cost rounds, whether the account exists or not, and
     * for hashes of any lower cost (OWASP ASVS 5.0, 6.3.8), scrypt and PBKDF2 included. A password
     * that is not in NFC and does not match in NFC is tried as sent, too, which doubles the time
     * for all accounts alike.
     *
     * A more expensive hash takes longer. So after the cost is lowered, response times reveal
     * the accounts with older hashes until their passwords change.
     *
     * @throws HASH_CAPACITY, OperationError `CLIENT_GONE`
     */
    verify: (
      password: string,
      passwordHash: string | undefined,
      options?: HashRunOptions,
    ): Promise<Verification> => queue.run(() => verifyForms(password, passwordHash), options),
  }

  function hashAtCost(normalized: string): Promise<string> {
    return hash(normalized, { cost, rejectLongPasswords: true })
  }

  /** In one slot: between two, a full queue could leave a guess half checked, and uncounted. */
  async function verifyForms(
    password: string,
    passwordHash: string | undefined,
  ): Promise<Verification> {
    const stored = classifyHash(passwordHash ?? '')
    const normalized = password.normalize()
    if (await verifyInConstantTime(normalized, stored)) {
      return { ok: true, isOutdated: shouldRenew(stored) && isHashable(normalized) }
    }
    if (password === normalized) return { ok: false }
    const ok = await verifyInConstantTime(password, stored)
    // A password can be longer in NFC, and then it keeps the hash of the form as sent.
    return ok ? { ok, isOutdated: isHashable(normalized) } : { ok }
  }

  /** @returns whether bcrypt at the configured cost should replace a hash that has matched */
  function shouldRenew(stored: ClassifiedHash): boolean {
    return stored.ok && (stored.scheme !== 'bcrypt' || stored.cost < cost)
  }

  async function verifyInConstantTime(password: string, stored: ClassifiedHash) {
    if (stored.ok && stored.scheme !== 'bcrypt' && password.isWellFormed()) {
      return verifyForeignFilled(password, stored)
    }
    if (!stored.ok || stored.scheme !== 'bcrypt' || !isHashable(password)) {
      await hashWork.countRounds(rounds, () => verify('', nobodysHash))
      return false
    }
    const spent = 2 ** stored.cost
    if (await hashWork.countRounds(spent, () => verify(password, stored.text))) return true
    await hashWork.fill(password, rounds - spent)
    return false
  }

  async function verifyForeignFilled(password: string, stored: ForeignHash) {
    const checked = await hashWork.countForeign(stored, () => verifyForeign(password, stored))
    if (!checked.result) await hashWork.fill(password, rounds - checked.rounds)
    return checked.result
  }
}
