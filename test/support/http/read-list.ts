import type { TestContext } from 'node:test'
import { type App, send } from './build.ts'

/**
 * Reads all pages of a list by its cursors, and checks that `Link` (RFC 8288) has the same ones.
 *
 * @param url with a query
 * @param Item the type of the items, which the response schema ensures
 */
export async function readList<Item>(t: TestContext, app: App, url: string, cookie: string) {
  const all: Item[] = []
  for (let next: string | undefined = url; next !== undefined; ) {
    const response = await send(app, 'GET', next, { cookie })
    t.assert.strictEqual(response.statusCode, 200, response.body)
    const { items, nextCursor } = response.json()
    all.push(...items)
    if (nextCursor === null) {
      t.assert.strictEqual(response.headers.link, undefined)
      return all
    }
    const link = /^<(\?[^>]+)>; rel="next"$/.exec(String(response.headers.link))?.[1] ?? ''
    t.assert.strictEqual(new URLSearchParams(link).get('cursor'), nextCursor)
    next = url.replace(/\?.*/, link)
  }
  return all
}
