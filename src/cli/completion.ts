import type { Argument, Command, Option } from 'commander'

/** Placeholders of options and arguments that are paths. */
const PATHS = /file|folder|source/

/**
 * Makes a script that completes the words of the commands in bash 3.2 and later: commands, options,
 * and the values that an option or an argument can have. It completes files where a path is wanted.
 *
 * @param program with all its commands
 */
export function bashCompletion(program: Command): string {
  const commands = allCommands(program, program.name())
  const paths = commands.slice(1).map(({ path }) => path)
  const options = commands.flatMap(({ path, command }) =>
    command.options
      .filter((option) => option.required || option.optional)
      .map((option) => ({ key: `${path} ${option.long}`, values: valuesOf(option) })),
  )
  const parameters = commands.flatMap(({ path, command }) =>
    command.registeredArguments.map((argument, index) => ({
      key: `${path} ${index}`,
      values: valuesOf(argument),
    })),
  )
  const parents = commands
    .filter(({ command }) => command.commands.length > 0)
    .map(({ path, command }) => ({ key: `${path} 0`, values: namesOf(command) }))
  return `# Completion of ${program.name()} for bash.
_gatehouse() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local path=${program.name()} position=0 words='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
      ${pattern(paths)}) path="$path \${COMP_WORDS[i]}"; continue ;;
    esac
    case "$path \${COMP_WORDS[i-1]}" in
      ${pattern(options.map(({ key }) => key))}) continue ;;
    esac
    [[ \${COMP_WORDS[i]} == -* ]] || position=$((position + 1))
  done
  case "$path $prev" in
${cases(options)}
  esac
  if [[ $cur == -* ]]; then
    case "$path" in
${commands.map(({ path, command }) => `      ${quote(path)}) words=${quote(flagsOf(command))} ;;`).join('\n')}
    esac
  else
    case "$path $position" in
${cases([...parents, ...parameters])}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _gatehouse ${program.name()}
`
}

interface Completed {
  /** What stands before the word: a command, and an option or the number of a word. */
  key: string
  values: readonly string[] | 'path'
}

interface NamedCommand {
  path: string
  command: Command
}

function allCommands(command: Command, path: string): NamedCommand[] {
  const children = command.commands.flatMap((child) =>
    allCommands(child, `${path} ${child.name()}`),
  )
  return [{ path, command }, ...children]
}

function namesOf(command: Command): string[] {
  return [...command.commands.map((child) => child.name()), 'help']
}

function flagsOf(command: Command): string {
  return [...command.options.map(({ long }) => long), '--help'].join(' ')
}

/** @returns the words that complete a value, or `path` */
function valuesOf(of: Option | Argument): readonly string[] | 'path' {
  if (of.argChoices) return of.argChoices
  const placeholder = 'flags' in of ? of.flags : of.name()
  return PATHS.test(placeholder) ? 'path' : []
}

/** @returns the branches of a `case`. Those without values complete nothing */
function cases(list: Completed[]): string {
  const free = list.filter(({ values }) => values.length === 0).map(({ key }) => key)
  const lines = list
    .filter(({ values }) => values.length > 0)
    .map(({ key, values }) => `    ${quote(key)}) ${complete(values)}; return ;;`)
  return [...lines, `    ${pattern(free)}) return ;;`].join('\n')
}

function complete(values: readonly string[] | 'path'): string {
  return values === 'path'
    ? 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))'
    : `COMPREPLY=($(compgen -W ${quote(values.join(' '))} -- "$cur"))`
}

/** A pattern of \`case\` that matches nothing if the list is empty. */
function pattern(words: string[]): string {
  return words.length > 0 ? words.map(quote).join('|') : "''"
}

/** The words are names of commands, options and values, none of which has a quote. */
function quote(text: string): string {
  return `'${text}'`
}
