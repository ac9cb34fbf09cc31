// Creates better-auth's tables and a number of accounts with a session each, and prints their
// addresses and cookies as JSON.
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { options } from './options.mjs'

const auth = betterAuth({
  ...options,
  // No run checks a password, and thousands of hashes would take a minute.
  emailAndPassword: { enabled: true, password: { hash: async () => 'unused' } },
})
const { runMigrations } = await getMigrations(options)
await runMigrations()

const accounts = []
for (let index = 0; index < Number(process.argv[2]); index++) {
  const email = `user-${index}@example.com`
  const { headers } = await auth.api.signUpEmail({
    body: { name: `user-${index}`, email, password: 'a wind from the old harbour' },
    returnHeaders: true,
  })
  const cookies = headers.getSetCookie().map((cookie) => cookie.split(';')[0])
  accounts.push({ email, cookies })
}
console.log(JSON.stringify(accounts))
await options.database.end()
