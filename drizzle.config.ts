import { defineConfig } from 'drizzle-kit'

// Only `drizzle-kit generate` is used, which needs no server: migrations are applied by
// `gatehouse migrate`, under a lock.
export default defineConfig({
  dialect: 'mysql',
  schema: './db/schema.ts',
  out: './db/migrations',
})
