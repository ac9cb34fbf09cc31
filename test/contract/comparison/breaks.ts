import type { RuleName } from '../../../contract/rules.ts'
import type { Edit } from './edits.ts'

/** A rule, a change that it finds, and what the finding says. */
export type Break = [rule: RuleName, title: string, edits: Edit[], finding: string]
