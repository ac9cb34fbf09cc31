/** What a difference between two documents means for a client of the older one. */
interface Rule {
  /** Whether a client of the older document can fail. */
  breaks: boolean
  /** Why a client fails; for the others, how the entry in CHANGELOG.md begins. */
  text: string
  /** Whether `accepted.json` may list it: a client that sends nothing new may never meet it. */
  acceptable?: true
}

const breaks = (text: string) => ({ breaks: true, text }) as const
const acceptable = (text: string) => ({ ...breaks(text), acceptable: true }) as const
const entry = (text: string) => ({ breaks: false, text }) as const

/** docs/decisions/0018-contract-of-the-last-release.md has the reasons. */
export const RULES = {
  'operation-removed': breaks('a client calls it'),
  'operation-renamed': breaks('SDKs name a method by the operationId'),
  'operation-moved': breaks('SDKs name a module by the tag'),
  'security-changed': breaks('a client without the new credential or scope is refused'),
  'scheme-changed': breaks('a client sends its credential in the old form'),

  'parameter-removed': breaks('a client sends it'),
  'property-refused': breaks('a client sends it, and bodies are closed'),
  'body-removed': breaks('a client sends it'),
  'request-required': breaks('a client does not send it'),
  'request-narrowed': breaks('a client sends what is now refused'),
  'default-changed': breaks('a client that leaves it out gets another behaviour'),
  'serialization-changed': breaks('a client writes it in the old form'),

  'status-removed': breaks('a client handles it'),
  'status-unexpected': breaks('a client does not know it, and no default response covers it'),
  'code-removed': breaks('a client decides by it'),
  'code-added': acceptable('a client with a closed enum cannot read the response'),
  'header-removed': breaks('a client reads it'),
  'header-optional': breaks('a client relies on it'),
  'property-removed': breaks('a client reads it'),
  'property-optional': breaks('a client relies on it'),
  'null-added': breaks('a client does not expect null'),
  'response-widened': breaks('a client that checks responses refuses the new values'),
  'link-removed': breaks('a client follows it'),
  'link-changed': breaks('a client follows it'),

  'type-removed': breaks('a client uses the type'),
  'type-added': breaks('a client does not expect the type'),
  'value-removed': breaks('SDKs have a constant for it'),
  'value-added': acceptable('a client with a closed enum cannot read the response'),
  'format-changed': breaks('SDKs choose a type by the format'),
  'content-type-removed': breaks('a client uses it'),
  'schema-renamed': breaks('SDKs name a class by the schema'),
  'not-understood': breaks('no rule covers it: add one, or undo the change'),

  'operation-added': entry('Added'),
  'request-added': entry('Added'),
  'status-added': entry('Added'),
  'code-listed': entry('Added'),
  'header-added': entry('Added'),
  'property-added': entry('Added'),
  'value-accepted': entry('Added'),
  'content-type-added': entry('Added'),
  'link-added': entry('Added'),
  'credential-added': entry('Added'),
  'request-widened': entry('Changed'),
  'operation-deprecated': entry('Deprecated'),
} as const satisfies Record<string, Rule>

export type RuleName = keyof typeof RULES

export function ruleOf(name: RuleName): Rule {
  return RULES[name]
}
