/** OpenTelemetry's semantic conventions for HTTP, which metrics and traces follow. */

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** The value of an attribute that has none of its known values. */
export const OTHER = '_OTHER'

/** @returns the method, or `_OTHER`, so that a client creates no values of its own */
export function conventionalMethod(method: string): string {
  return KNOWN_METHODS.has(method) ? method : OTHER
}

/** Lower statuses are no errors of the server. */
export function isServerError(status: number): boolean {
  return status >= 500
}
