/** Types that migration 0005 gives to columns of 0000: TiDB changes neither the character set nor an indexed type. */
const FINAL_TYPES = [
  [
    '`username` varchar(80) character set ascii collate ascii_bin',
    '`username` varchar(80) character set utf8mb4',
  ],
  [
    '`username_key` varchar(80) character set ascii collate ascii_bin',
    '`username_key` varbinary(2640)',
  ],
] as const

/**
 * To an index, TiDB appends no unsigned key, by which a page would be read in the order of ids: a list
 * would read all rows of an account or of a type.
 */
const INDEXES_WITH_ID =
  /(`(?:events_type|events_user_id|sessions_user_epoch|tokens_user_epoch)` ON .*)\)/

/**
 * Each server of TiDB has ids in stock. With a stock of one, ids ascend over all servers: the oldest
 * session has the lowest id, and no account gets an id that an import has reserved.
 */
const ASCENDING_IDS = ' AUTO_ID_CACHE 1'

/** Migration 0004 drops them; on TiDB their indexes would stay. */
const SHORT_LIVED = ['sessions_user_id_users_id_fk', 'tokens_user_id_users_id_fk']

/**
 * @param statement of a migration
 * @returns the statement for TiDB, which takes not all that the other engines do; undefined for none
 */
export function onTidb(statement: string): string | undefined {
  if (SHORT_LIVED.some((name) => statement.includes(name))) return undefined
  if (!statement.includes('CREATE TABLE')) return statement.replace(INDEXES_WITH_ID, '$1,`id`)')
  const typed = FINAL_TYPES.reduce((text, [old, final]) => text.replace(old, final), statement)
  return typed.includes('AUTO_INCREMENT') ? typed.replace(/;?\s*$/, `${ASCENDING_IDS};`) : typed
}
