import { readFileSync } from 'node:fs'
import { type Copy, DockerfileParser, type Healthcheck, type Instruction } from 'dockerfile-ast'

/** What changes the files of a stage, in the order of the file. */
export type Step =
  | { kind: 'copy'; from: string | undefined; sources: string[]; target: string }
  | { kind: 'run'; command: string }

export interface Stage {
  /** The name of another stage or of an image. */
  base: string
  folder: string | undefined
  steps: Step[]
  environment: Record<string, string>
  user: string | undefined
  healthcheck: string[] | undefined
  command: string[] | undefined
}

/**
 * Reads a Dockerfile of stages that copy, run and describe a process.
 *
 * @returns the stages by name; the last one has the name `image`
 * @throws Error for an instruction that is not one of these
 */
export function readDockerfile(path: string): Map<string, Stage> {
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  for (const instruction of DockerfileParser.parse(readFileSync(path, 'utf8')).getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const [base = '', as, name] = words(instruction)
      const parent = stages.get(base)
      stage = parent
        ? { ...parent, base, steps: [], environment: { ...parent.environment } }
        : emptyStage(base)
      stages.set(as === 'AS' && name ? name : 'image', stage)
    } else if (stage) apply(stage, instruction)
    else throw new Error(`${instruction.getKeyword()} stands before FROM`)
  }
  return stages
}

function emptyStage(base: string): Stage {
  return {
    base,
    folder: undefined,
    steps: [],
    environment: {},
    user: undefined,
    healthcheck: undefined,
    command: undefined,
  }
}

function apply(stage: Stage, instruction: Instruction): void {
  const text = instruction.getRawArgumentsContent() ?? ''
  switch (instruction.getKeyword()) {
    case 'WORKDIR':
      stage.folder = text
      break
    case 'COPY':
      stage.steps.push(copyOf(instruction as Copy)) // the parser's class for this keyword
      break
    case 'RUN':
      stage.steps.push({ kind: 'run', command: text })
      break
    case 'ENV':
      for (const word of words(instruction)) {
        const [, name = '', value = ''] = /^(\w+)=(\S*)$/.exec(word) ?? fail(text)
        stage.environment[name] = value
      }
      break
    case 'USER':
      stage.user = text
      break
    case 'HEALTHCHECK': {
      const check = instruction as Healthcheck // the parser's class for this keyword
      stage.healthcheck = JSON.parse((check.getRawArgumentsContent() ?? '').replace(/^CMD\s+/, ''))
      break
    }
    case 'CMD':
      stage.command = JSON.parse(text)
      break
    case 'EXPOSE':
      break
    default:
      fail(instruction.toString())
  }
}

function copyOf(instruction: Copy): Step {
  const flags = instruction.getFlags().map((flag) => [flag.getName(), flag.getValue()] as const)
  for (const [name] of flags) if (name !== 'from') fail(instruction.toString())
  const paths = words(instruction)
  const target = paths.pop() ?? fail(instruction.toString())
  return { kind: 'copy', from: flags[0]?.[1] ?? undefined, sources: paths, target }
}

function words(instruction: Instruction): string[] {
  return instruction.getArguments().map((argument) => argument.getValue())
}

function fail(text: string): never {
  throw new Error(`the test does not know this part of the Dockerfile: ${text}`)
}
