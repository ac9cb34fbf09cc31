/**
 * @param url of Gatehouse, maybe with the path under which a proxy serves it
 * @param path without a slash before it
 */
export function under(url: URL, path: string): URL {
  return new URL(`${url.pathname.replace(/\/$/, '')}/${path}`, url)
}
