// The baseline of all ratios: Fastify alone, with the schemas of `GET /user/{id}`.
import Fastify from 'fastify'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { formats, IdParams } from '../../routes/common/schemas.ts'
import { Role, User } from '../../routes/users/schemas.ts'

const app = Fastify({
  logger: false,
  ajv: { customOptions: { formats, keywords: [DOCUMENTED_AS] } }, // the schemas use both
})
app.addSchema(Role)
app.get<{ Params: { id: string } }>(
  '/user/:id',
  { schema: { params: IdParams, response: { 200: User } } },
  async ({ params }) => ({
    id: Number(params.id),
    username: `user-${params.id}`,
    role: 'user',
    createdAt: '2026-11-23T00:40:58.898Z',
  }),
)
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
