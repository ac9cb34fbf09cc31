// A process that uses the private database in `.data` until its standard input ends.
import { text } from 'node:stream/consumers'
import { joinEmbeddedDatabase } from '../../../src/embedded-database/embedded-database.ts'

const database = await joinEmbeddedDatabase('.data')
console.log(`joined ${database.url}`)
await text(process.stdin)
await database.close()
