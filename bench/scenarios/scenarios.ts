import { lists, mixed } from '../load/requests.ts'
import type { Scenario } from '../measure.ts'
import { flood, login, register } from './hashes.ts'
import {
  againstBare,
  connections,
  large,
  metrics,
  paced,
  reads,
  statistics,
  workers,
} from './reads.ts'
import { introspect, verify } from './services.ts'
import { traces } from './traces.ts'

/** The names that `--only` takes, in the order of the runs. */
export const SCENARIOS: Record<string, Scenario> = {
  read: reads,
  connections,
  paced,
  statistics,
  large,
  workers,
  metrics,
  traces,
  verify,
  introspect,
  list: againstBare('list of 50 users', lists),
  mixed: againstBare('95 % reads, 5 % new tokens', mixed),
  login,
  register,
  flood,
}
