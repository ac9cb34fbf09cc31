// The Flask service as a process of its own. It prints its port when it listens.
// Arguments: the port, the URL of its database, the secret key.
import { openFlaskAccounts } from './accounts.ts'
import { createFlaskService } from './service.ts'

const [port = '0', url = '', secret = ''] = process.argv.slice(2)
const server = createFlaskService({ accounts: openFlaskAccounts(url), secret })
server.listen(Number(port), '127.0.0.1', () => console.log(`listening on ${port}`))
