/**
 * Reports a step that may take seconds, as `scripts/setup.mjs` does. Only to a terminal: without a
 * person who waits, standard error is for errors.
 */
export function showProgress(step: string): void {
  if (process.stderr.isTTY) console.error(`Gatehouse: ${step}`)
}
