/** A name has at most this many code points. */
export const MAX_USERNAME_LENGTH = 80

/** The UTF-8 bytes of the longest key: each U+FDFA becomes 18 code points of 33 bytes. */
export const MAX_KEY_BYTES = MAX_USERNAME_LENGTH * 33

/**
 * The form in which usernames are compared and unique: NFKC, case-folded (UAX 15, Unicode 3.13).
 * `José`, `JOSÉ` and `ｊｏｓé` are one name; `Jose` is another.
 */
export function usernameKey(username: string): string {
  return [...username.normalize('NFKC')].map(foldCase).join('').normalize('NFKC')
}

/** By code point, because `toLowerCase` of a text depends on the place of a sigma. */
function foldCase(character: string): string {
  // Upper case joins ß and ẞ, σ and ς. It would also join the dotless ı with i.
  return character === 'ı' ? character : character.toLowerCase().toUpperCase().toLowerCase()
}
