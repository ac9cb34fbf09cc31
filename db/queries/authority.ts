import { and, eq, gt, inArray, isNull, ne, or } from 'drizzle-orm'
import type { Queryable } from '../client.ts'
import { now } from '../clock.ts'
import { type AccountKind, type Role, sessions, tokens, users } from '../schema.ts'
import type { Origin } from './events.ts'

/** The caller of a request, as the database had the account when the request arrived. */
export interface Actor {
  id: number
  username: string
  role: Role
  version: number
  createdAt: string
  credential: Credential
}

/**
 * The operator of the command line, who needs no permission: a person who can write to the database can
 * make any change. It is a class, so that nothing that a request sends can be one. Only `src/cli`
 * creates it, and a test enforces this.
 */
export class Operator {
  /** No account acted. The origin of the event names the operator. */
  readonly id = undefined
  readonly credential = undefined
  /** Whether the operator accepts that no enabled admin remains. */
  readonly mayEndLastAdmin: boolean

  constructor({ mayEndLastAdmin }: { mayEndLastAdmin: boolean }) {
    this.mayEndLastAdmin = mayEndLastAdmin
  }
}

/** The precision of "last used": a session or token is written at most this often. */
export const USE_PRECISION_MS = 60_000

/** The session or the token that a request carries. */
export type Credential = SessionCredential | TokenCredential

interface StoredCredential {
  id: number
  /** Whether the stored last use is older than USE_PRECISION_MS and must be written. */
  isStale: boolean
}

interface SessionCredential extends StoredCredential {
  kind: 'session'
}

interface TokenCredential extends StoredCredential {
  kind: 'token'
  /** The kind of its owner. */
  ownerKind: AccountKind
  /** What the token may do; undefined for all that its owner may. */
  scopes: readonly string[] | undefined
  /** Addresses and CIDRs that the token may come from, separated by spaces; undefined for any. */
  addressRanges: string | undefined
}

/** A change to an account: who makes it, where it came from, and the account. */
export interface Change<By extends Actor | Operator = Actor | Operator> {
  actor: By
  origin: Origin
  userId: number
  /** If given, the change is made only if the account has one of these versions. */
  versions?: readonly number[] | undefined
}

/** Whether an account has one of the versions that a change requires, if it requires any. */
export function hasWantedVersion(
  { versions }: Pick<Change, 'versions'>,
  account: { version: number },
) {
  return versions === undefined || versions.includes(account.version)
}

/** A password as it was when it was checked. */
export type CheckedPassword = Pick<typeof users.$inferSelect, 'passwordHash' | 'version'>

/**
 * Whether an account still has the password that was checked. Another hash with the same version
 * is the same password, renewed by another login: a password change raises the version.
 */
export function hasSamePassword(account: CheckedPassword, checked: CheckedPassword): boolean {
  return account.passwordHash === checked.passwordHash || account.version === checked.version
}

export type AccountPatch = Partial<
  Pick<typeof users.$inferSelect, 'role' | 'disabled' | 'addressRanges'>
>

/** Which callers may make a change. */
type Rule = 'own-or-admin' | 'admin' | 'admin-on-another'

/**
 * Why a change is refused. `actor-gone`: the session or token has ended, or its owner is disabled
 * or deleted. `not-found`: the account, or the session or token to end, does not exist. `last-admin`: no
 * enabled admin who can log in would remain.
 */
export type Refusal =
  | 'actor-gone'
  | 'not-permitted'
  | 'not-found'
  | 'own-account'
  | 'last-admin'
  | 'version-differs'

/** The result of a change that was not made. */
export interface Refused<Reason = Refusal> {
  ok: false
  reason: Reason
}

export function refused<const Reason>(reason: Reason): Refused<Reason> {
  return { ok: false, reason }
}

export function mayActOn(actor: { id: number; role: Role }, userId: number): boolean {
  return actor.role === 'admin' || actor.id === userId
}

/**
 * Checks again, within the transaction of a change, whether its actor may make it. The guard's
 * check may be out of date: access can end while the body arrives or a password is hashed.
 *
 * Both accounts stay locked until the commit. They are locked in the order of their ids, so that
 * two admins who act on each other cannot deadlock.
 *
 * An operator passes every rule. For operators and services, `losesLastAdmin` does what
 * 'admin-on-another' does for a person.
 *
 * @returns the account to change, or the first reason against the change
 */
export async function authorize(
  tx: Queryable,
  { actor, userId, versions }: Omit<Change, 'origin'>,
  rule: Rule,
): Promise<{ ok: true; account: LockedAccount } | Refused> {
  const isOperator = actor instanceof Operator
  const rows = await tx
    .select(lockedColumns)
    .from(users)
    .where(inArray(users.id, isOperator ? [userId] : [userId, actor.id]))
    .orderBy(users.id)
    .for('update')
  if (!isOperator) {
    const refusal = await refusalOf(tx, actor, { rows, userId, rule })
    if (refusal) return refused(refusal)
  }
  const account = rows.find(({ id }) => id === userId)
  if (!account) return refused('not-found')
  if (!hasWantedVersion({ versions }, account)) return refused('version-differs')
  return { ok: true, account }
}

/** @returns the first reason why the actor may not make the change, or undefined */
async function refusalOf(
  tx: Queryable,
  actor: Actor,
  { rows, userId, rule }: { rows: LockedAccount[]; userId: number; rule: Rule },
): Promise<Refusal | undefined> {
  const acting = rows.find(({ id }) => id === actor.id)
  if (!acting || acting.disabled || !(await isLive(tx, acting, actor.credential))) {
    return 'actor-gone'
  }
  const isPermitted = rule === 'own-or-admin' ? mayActOn(acting, userId) : acting.role === 'admin'
  if (!isPermitted) return 'not-permitted'
  return rule === 'admin-on-another' && userId === actor.id ? 'own-account' : undefined
}

/**
 * Checks, before an operator or a service disables, demotes or deletes an account, that another enabled admin
 * remains who can log in. The row of that admin stays locked until the commit. A deadlock with a change of
 * that admin repeats the transaction.
 *
 * @param account locked by `authorize`
 * @returns whether the account is the last one, unless the operator accepts that
 */
export async function losesLastAdmin(
  tx: Queryable,
  actor: Actor | Operator,
  { id, kind, role, disabled }: Pick<LockedAccount, 'id' | 'kind' | 'role' | 'disabled'>,
): Promise<boolean> {
  const { credential } = actor
  const isPerson = credential?.kind === 'session' || credential?.ownerKind === 'person'
  const isAccepted = actor instanceof Operator ? actor.mayEndLastAdmin : isPerson
  if (isAccepted || kind === 'service' || role !== 'admin' || disabled) return false
  const others = await tx
    .select({ id: users.id })
    .from(users, { forceIndex: 'users_role' })
    .where(
      and(
        eq(users.role, 'admin'),
        eq(users.kind, 'person'),
        eq(users.disabled, false),
        ne(users.id, id),
      ),
    )
    .limit(1)
    .for('update')
  return others.length === 0
}

/** Whether the caller's token has scopes. Such a token must not make an admin, who could do more than it. */
export function isLimited({ credential }: Pick<Actor | Operator, 'credential'>): boolean {
  return credential?.kind === 'token' && credential.scopes !== undefined
}

/** Whether an admin could do more than the caller's limited token after a change. */
export function exceedsToken(by: Actor | Operator, { role }: { role: Role }, patch: AccountPatch) {
  const isStronger = patch.disabled === false || patch.addressRanges !== undefined
  return isLimited(by) && (patch.role === 'admin' || (role === 'admin' && isStronger))
}

const lockedColumns = {
  id: users.id,
  username: users.username,
  kind: users.kind,
  role: users.role,
  disabled: users.disabled,
  version: users.version,
  passwordHash: users.passwordHash,
  sessionEpoch: users.sessionEpoch,
  tokenEpoch: users.tokenEpoch,
}

type LockedAccount = Pick<typeof users.$inferSelect, keyof typeof lockedColumns>

export const isUnexpired = or(isNull(tokens.expiresAt), gt(tokens.expiresAt, now))

/** Does not check the idle limit: the guard did, and this request is a use. */
async function isLive(
  tx: Queryable,
  { sessionEpoch, tokenEpoch }: LockedAccount,
  { kind, id }: Credential,
): Promise<boolean> {
  const found =
    kind === 'session'
      ? await tx
          .select({ id: sessions.id })
          .from(sessions)
          .where(
            and(eq(sessions.id, id), eq(sessions.epoch, sessionEpoch), gt(sessions.expiresAt, now)),
          )
      : await tx
          .select({ id: tokens.id })
          .from(tokens)
          .where(and(eq(tokens.id, id), eq(tokens.epoch, tokenEpoch), isUnexpired))
  return found.length === 1
}
