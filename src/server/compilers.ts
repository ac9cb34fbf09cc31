import validators from '@fastify/ajv-compiler'
import serializers from '@fastify/fast-json-stringify-compiler'

/**
 * Compiles the schemas of routes by Fastify's own compilers, but equal ones once for the process:
 * most routes have the same answers for errors, and the tests build many servers.
 *
 * With compilers that it is given, Fastify takes the names of headers in schemas as they are: write
 * them in lower case, as Node does.
 */
export const compilersFactory = {
  buildValidator: onceForEqual(validators()),
  buildSerializer: onceForEqual(serializers()),
}

/** @param build makes a compiler for routes; `shared` are the schemas that they may refer to */
function onceForEqual<Shared, Options, Route, Compiled>(
  build: (shared: Shared, options: Options) => (route: Route) => Compiled,
) {
  return remembered(
    (shared: Shared, options: Options) => {
      const compile = build(shared, options)
      return remembered(compile, (route) => JSON.stringify(Object(route).schema))
    },
    (shared, options) => JSON.stringify([shared, options]),
  )
}

/** @returns `make`, which is called once for each key */
function remembered<Arguments extends unknown[], Result>(
  make: (...args: Arguments) => Result,
  keyOf: (...args: Arguments) => string,
) {
  const results = new Map<string, Result>()
  return (...args: Arguments): Result => {
    const key = keyOf(...args)
    const known = results.get(key)
    if (known !== undefined) return known
    const result = make(...args)
    results.set(key, result)
    return result
  }
}
