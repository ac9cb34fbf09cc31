import type { ResolvedConfig } from '../config/config.ts'
import { deriveKeys, FINGERPRINT_KEY_PURPOSE, SEAL_KEY_PURPOSE } from '../config/keys.ts'

const MS_PER_S = 1_000

/** @param secrets of `SESSION_SECRET` */
export function idempotencyOptions(
  { IDEMPOTENCY_RETENTION }: Pick<ResolvedConfig, 'IDEMPOTENCY_RETENTION'>,
  secrets: string[],
) {
  return {
    macKeys: deriveKeys(secrets, FINGERPRINT_KEY_PURPOSE),
    sealKeys: deriveKeys(secrets, SEAL_KEY_PURPOSE),
    retentionMs: IDEMPOTENCY_RETENTION * MS_PER_S,
  }
}
