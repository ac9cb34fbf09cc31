import { type RuleName, ruleOf } from './rules.ts'

/** A difference between two documents. */
export interface Finding {
  rule: RuleName
  /** The operations that have it, such as `createUser`. */
  operations: string[]
  /** Such as `response 200`, or `responses: User.role` for a schema that several share. */
  where: string
  what: string
}

/** A finding that is accepted for some operations. */
export interface Accepted {
  /** As `keyOf` returns it. */
  finding: string
  operations: string[]
  reason: string
}

export type Report = (rule: RuleName, where: string, what: string) => void

/** Collects findings. One that several operations have is one finding. */
export class Findings {
  readonly #byKey = new Map<string, Finding>()

  reportFor(operation: string): Report {
    return (rule, where, what) => {
      const found = this.#byKey.get(keyOf({ rule, where, what }))
      if (!found) {
        const finding = { rule, operations: [operation], where, what }
        this.#byKey.set(keyOf(finding), finding)
      } else if (!found.operations.includes(operation)) found.operations.push(operation)
    }
  }

  all(): Finding[] {
    return [...this.#byKey.values()]
  }
}

/** @returns the text by which `accepted.json` names a finding */
export function keyOf({ rule, where, what }: Omit<Finding, 'operations'>): string {
  return `${where} ${what} [${rule}]`
}

const MAX_NAMED = 3

/** @returns the line of a finding that breaks clients */
export function lineOf(finding: Finding): string {
  const { operations, rule } = finding
  const more = operations.length - MAX_NAMED
  const named = operations.slice(0, MAX_NAMED).join(', ')
  return `${more > 0 ? `${named} and ${more} more` : named}: ${keyOf(finding)}: ${ruleOf(rule).text}`
}

/** Divides findings by what a release of the same major version may do about them. */
export function sorted(findings: Finding[], accepted: Accepted[]) {
  const breaking = findings.filter(({ rule }) => ruleOf(rule).breaks)
  const isFor = (entry: Accepted, finding: Finding) =>
    ruleOf(finding.rule).acceptable === true &&
    entry.finding === keyOf(finding) &&
    entry.reason.trim() !== '' &&
    entry.operations.join() === finding.operations.join()
  const isAccepted = (finding: Finding) => accepted.some((entry) => isFor(entry, finding))
  return {
    refused: breaking.filter((finding) => !isAccepted(finding)),
    accepted: breaking.filter(isAccepted),
    additions: findings.filter(({ rule }) => !ruleOf(rule).breaks),
    /** What `accepted.json` lists and no finding matches. */
    unused: accepted.filter((entry) => !breaking.some((finding) => isFor(entry, finding))),
  }
}

/** @returns lines for CHANGELOG.md */
export function entryOf(findings: Finding[]): string[] {
  return findings.map(({ rule, operations, where, what }) => {
    const { breaks, text } = ruleOf(rule)
    const kind = breaks ? 'Changed, breaks clients' : text
    const change = what === 'is new' ? where : `${where} ${what}`
    if (rule === 'operation-added') return `- ${kind}: ${change}`.trimEnd()
    return `- ${kind}: ${change} (${operations.map((id) => `\`${id}\``).join(', ')})`
  })
}
