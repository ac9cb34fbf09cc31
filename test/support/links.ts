const LINK = /\]\(([^)\s]+)\)/g

/** @returns the links of a page in Markdown, without those to other sites and those in code */
export function linksIn(page: string): string[] {
  const text = page.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, '')
  return [...text.matchAll(LINK)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
}
