// Prints how many passwords per second a number of threads hash if they do nothing else.
import { hash } from '@node-rs/bcrypt'

const [concurrency = 1, cost = 10, seconds = 5] = process.argv.slice(2).map(Number)
const start = performance.now()
const end = start + seconds * 1_000
let hashed = 0
async function hashUntilEnd() {
  while (performance.now() < end) {
    await hash('a wind from the old harbour', { cost })
    hashed++
  }
}
await Promise.all(Array.from({ length: concurrency }, hashUntilEnd))
console.log(hashed / ((performance.now() - start) / 1_000))
