import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import fp from 'fastify-plugin'
import { FifoMap } from 'toad-cache'
import { hexDigest } from '../../db/digest.ts'

declare module 'fastify' {
  interface FastifyInstance {
    tokenFormat: TokenFormat
  }
}

export interface TokenFormatOptions {
  /** The first key makes the MAC, all keys verify it. They serve no other purpose. */
  keys: Buffer[]
}

const PREFIX = 'gh_'
export const TOKEN_RANDOM_BYTES = 24
/** A forged MAC is valid once in 2^64 tries, and even then the database does not have the token. */
const MAC_BYTES = 8
/** 32 bytes in base64url: the last character holds four bits, so it is one of sixteen. */
const TOKEN = /^gh_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
/** How many tokens are kept: verifying one costs as much as all hooks of a request. */
const VERIFIED_TOKENS = 10_000

export interface ReadToken {
  /** SHA-256 of the token in upper-case hex. */
  digest: string
  /** Whether its MAC is valid, or the database is known to have it. */
  isVerified: boolean
}

export type TokenFormat = ReturnType<typeof createTokenFormat>

/** Decorates `tokenFormat`, which makes tokens and verifies their MAC. */
export default fp<TokenFormatOptions>(
  async (app, { keys }) => {
    app.decorate('tokenFormat', createTokenFormat(keys))
  },
  { name: 'token-format' },
)

/**
 * A token is `gh_` and 32 bytes in base64url: 24 random bytes, and their MAC, the first 8
 * bytes of their HMAC-SHA256. Tokens of earlier versions have 32 random bytes.
 */
export function createTokenFormat(keys: Buffer[]) {
  const [newest] = keys
  if (!newest) throw new Error('tokens need a key')
  const verified = new FifoMap<ReadToken>(VERIFIED_TOKENS)

  return {
    /** @param random 24 bytes that cannot be guessed */
    create(random = randomBytes(TOKEN_RANDOM_BYTES)): string {
      return PREFIX + Buffer.concat([random, macOf(random, newest)]).toString('base64url')
    },
    /** @returns undefined if the text cannot be a token */
    read(secret: string): ReadToken | undefined {
      const known = verified.get(secret)
      if (known) return known
      if (!TOKEN.test(secret)) return undefined
      const bytes = Buffer.from(secret.slice(PREFIX.length), 'base64url')
      const [random, mac] = [
        bytes.subarray(0, TOKEN_RANDOM_BYTES),
        bytes.subarray(TOKEN_RANDOM_BYTES),
      ]
      const isVerified = keys.some((key) => timingSafeEqual(macOf(random, key), mac))
      const token = { digest: hexDigest(secret), isVerified }
      if (isVerified) verified.set(secret, token)
      return token
    },
    /**
     * The digest alone, for a lookup that forged tokens may reach: the MAC costs six times as much. What it
     * reads is not kept, so that it leaves the tokens of callers in the cache.
     *
     * @returns undefined if the text cannot be a token
     */
    digestOf(secret: string): string | undefined {
      const known = verified.get(secret)
      if (known) return known.digest
      return TOKEN.test(secret) ? hexDigest(secret) : undefined
    },
    /**
     * Treats a token as verified from now on, because the database has it. So a token of an earlier
     * version or of a removed secret shares a queue with forged ones once, not on each request.
     */
    accept(secret: string, { digest }: ReadToken): void {
      verified.set(secret, { digest, isVerified: true })
    },
  }
}

function macOf(random: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(random).digest().subarray(0, MAC_BYTES)
}
