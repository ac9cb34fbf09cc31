import type { Scene } from './scene.ts'

/** Checks that the server says of itself what holds while the database is away. */
export async function checkHealth({ client, observer }: Scene): Promise<void> {
  const [alive, ready] = await Promise.all([
    client.send({ path: '/livez' }),
    client.send({ path: '/readyz' }),
  ])
  if (alive.status !== 200) observer.violate(`livez ${alive.status}`)
  if (ready.status !== 503) observer.violate(`readyz ${ready.status}`)
}
