import { readdir, readFile, readlink } from 'node:fs/promises'

const LISTEN = '0A'

/**
 * @returns the addresses (in hexadecimal) at which a process listens for TCP, or undefined on a
 * system without `/proc`
 */
export async function listeningSockets(pid: number): Promise<string[] | undefined> {
  if (process.platform !== 'linux') return undefined
  const folder = `/proc/${pid}/fd`
  const links = (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => ''))
  const own = new Set(await Promise.all(links))
  const tables = ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8'))
  return (await Promise.all(tables))
    .flatMap((table) => table.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTEN && own.has(`socket:[${inode}]`))
    .map(([, address = '']) => address)
}
