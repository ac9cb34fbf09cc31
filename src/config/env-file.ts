import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigError } from './config-error.ts'

const QUOTED = `"[^"]*"|'[^']*'|\`[^\`]*\``
const VALUE = `(?:${QUOTED}) *(?:#.*)?|(?!["'\`]).*`
/** Spaces only: Node makes a tab a part of the name. */
const ASSIGNMENT = `(?:export )?(?<name>[A-Za-z_][\\w.-]*) *= *(?:${VALUE})`
/** A quoted value may span lines. */
const ENTRY = new RegExp(`^ *(?:${ASSIGNMENT}|\\s*#.*|\\s*)$|^(?<malformed>.+)$`, 'gm')

/** Typing errors to look for in a name. In a short name, two would match unrelated names. */
const MAX_TYPOS = 2
const SHORT_NAME_LENGTH = 5

/**
 * Reads a file of variables in the format of Node's `--env-file`.
 *
 * @param knownNames a name that is nearly one of these is rejected; other unknown names are not
 * @returns nothing if there is no such file
 * @throws ConfigError with all problems by line number. Values are left out: they may be secret
 */
export function readEnvFile(file: string, knownNames: readonly string[]): NodeJS.ProcessEnv {
  const text = readText(file)
  const problems = [...text.matchAll(ENTRY)].flatMap(({ index, groups }) => {
    const problem = describeProblem(groups ?? {}, knownNames)
    return problem ? [`  line ${text.slice(0, index).split('\n').length}: ${problem}`] : []
  })
  if (problems.length > 0)
    throw new ConfigError([`${file} is not valid.`, ...problems].join('\n'), problems)
  return parseEnv(text)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '') // a byte order mark
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return ''
    if (code === 'EISDIR') throw new ConfigError(`${file} is a folder. It must be a file.`)
    throw new ConfigError(`${file} cannot be read: ${code ?? error}`)
  }
}

function describeProblem(
  { name, malformed }: Record<string, string | undefined>,
  knownNames: readonly string[],
): string | undefined {
  if (malformed !== undefined) return 'expected NAME=value, with matching quotes, or a # comment'
  if (name === undefined || knownNames.includes(name)) return undefined
  const suggestion = nearestName(name, knownNames)
  return suggestion && `${name} is not a setting. Did you mean ${suggestion}?`
}

function nearestName(name: string, knownNames: readonly string[]): string | undefined {
  for (let typos = 1; typos <= MAX_TYPOS; typos++) {
    const nearest = knownNames.find(
      (known) =>
        (typos === 1 || known.length > SHORT_NAME_LENGTH) &&
        isWithinTypos(typos, name.toUpperCase(), known),
    )
    if (nearest) return nearest
  }
  return undefined
}

/** A typo is a character that is missing, extra or wrong, or two neighbours that are swapped. */
function isWithinTypos(typos: number, a: string, b: string): boolean {
  if (a === b) return true
  if (a[0] === b[0]) return isWithinTypos(typos, a.slice(1), b.slice(1))
  if (typos === 0) return false
  const left = typos - 1
  return (
    isWithinTypos(left, a.slice(1), b.slice(1)) ||
    isWithinTypos(left, a.slice(1), b) ||
    isWithinTypos(left, a, b.slice(1)) ||
    (a[0] === b[1] && a[1] === b[0] && isWithinTypos(left, a.slice(2), b.slice(2)))
  )
}
