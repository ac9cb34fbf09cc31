#!/usr/bin/env node
import { reportFailure } from './cli/exit-code.ts'
import { createProgram } from './cli/program.ts'

try {
  await createProgram().parseAsync()
} catch (error) {
  process.exitCode = reportFailure(error)
}
