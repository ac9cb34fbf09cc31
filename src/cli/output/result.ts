import type { OutputOptions } from '../options.ts'
import { print, toJson, visible } from './output.ts'

/** Prints what a command did: a sentence, or an object of JSON. */
export async function printResult(
  sentence: string,
  item: unknown,
  { json }: OutputOptions,
): Promise<void> {
  await print(json ? toJson(item) : visible(sentence))
}
