/** The result of one check. `todo` says what to do unless it is ok. */
export type Check =
  | { status: 'ok'; subject: string; text: string }
  | { status: 'warn' | 'fail'; subject: string; text: string; todo: string }

export function ok(subject: string, text: string): Check {
  return { status: 'ok', subject, text }
}

export function warn(subject: string, text: string, todo: string): Check {
  return { status: 'warn', subject, text, todo }
}

export function fail(subject: string, text: string, todo: string): Check {
  return { status: 'fail', subject, text, todo }
}
