// The page: who is signed in, the forms, and the list of sessions.
import { clearFieldErrors, showFieldErrors } from './forms.js'
import { createGatehouse, GatehouseError } from './gatehouse.js'

const meta = document.querySelector('meta[name="gatehouse"]')
const gatehouse = createGatehouse(meta?.getAttribute('content') ?? '', {
  onSignedOut: () => void showSignedOut('Your session has ended. Log in again.'),
})
/** Informs the other tabs of this page when somebody logged in or out. */
const tabs = new BroadcastChannel('gatehouse')

const credentials = byId('credentials', HTMLFormElement)
const passwords = byId('passwords', HTMLFormElement)
const sessions = byId('sessions', HTMLUListElement)
const moreSessions = byId('more-sessions', HTMLButtonElement)

/** @type {{ user: import('./gatehouse.js').User, etag: string | undefined } | undefined} */
let me
/** @type {string | null} */
let nextCursor = null
/** @type {Promise<void>} */
let latest = Promise.resolve()

/** Shows who is signed in. @param {string} [status] what to say beside it */
async function refresh(status = '') {
  me = await gatehouse.readMe()
  if (!me) return showSignedOut(status)
  byId('name', HTMLElement).textContent = me.user.username
  byId('role', HTMLElement).textContent = me.user.role
  byId('account', HTMLInputElement).value = me.user.username
  byId('signed-out', HTMLElement).hidden = true
  byId('signed-in', HTMLElement).hidden = false
  say(status)
  sessions.replaceChildren()
  await showSessions(null)
}

/** Removes all that belongs to the account, so that the next user does not see it. @param {string} status */
function showSignedOut(status) {
  me = undefined
  for (const form of [credentials, passwords]) {
    form.reset()
    clearFieldErrors(form)
  }
  sessions.replaceChildren()
  byId('users', HTMLUListElement).replaceChildren()
  for (const id of ['name', 'role']) byId(id, HTMLElement).textContent = ''
  byId('signed-in', HTMLElement).hidden = true
  byId('signed-out', HTMLElement).hidden = false
  say(status)
}

/** @param {string | null} cursor */
async function showSessions(cursor) {
  const page = await gatehouse.listSessions(cursor)
  for (const session of page.items) {
    const item = document.createElement('li')
    const seen = new Date(session.lastSeenAt).toLocaleString()
    const text = `${session.userAgent ?? 'unknown client'}, ${session.address ?? 'unknown address'}, ${seen}`
    item.append(session.current ? `This one: ${text}` : text)
    if (!session.current) {
      const end = document.createElement('button')
      end.type = 'button'
      end.textContent = 'End'
      end.setAttribute('aria-label', `End the session of ${text}`)
      end.addEventListener('click', () =>
        run(async () => {
          await gatehouse.endSession(session.id)
          await refresh('The session has ended.')
        }),
      )
      item.append(' ', end)
    }
    sessions.append(item)
  }
  nextCursor = page.nextCursor
  moreSessions.hidden = nextCursor === null
}

credentials.addEventListener('submit', (event) => {
  event.preventDefault()
  const account = {
    username: fieldOf(credentials, 'username'),
    password: fieldOf(credentials, 'password'),
  }
  const isNew = event.submitter instanceof HTMLButtonElement && event.submitter.value === 'register'
  run(async () => {
    if (isNew) await gatehouse.register(account)
    await gatehouse.logIn(account)
    credentials.reset()
    await refresh('You are logged in.')
    if (!me) return say('The login succeeded, but the browser did not keep the cookie.')
    tabs.postMessage('changed')
  }, credentials)
})

passwords.addEventListener('submit', (event) => {
  event.preventDefault()
  const change = {
    currentPassword: fieldOf(passwords, 'currentPassword'),
    password: fieldOf(passwords, 'password'),
  }
  run(async () => {
    if (!me) return
    await gatehouse.changePassword(me.user.id, change, me.etag)
    passwords.reset()
    await refresh('The password is changed. All other sessions have ended.')
  }, passwords)
})

onClick('log-out', async () => {
  await gatehouse.logOut()
  showSignedOut('You are logged out.')
  tabs.postMessage('changed')
})
onClick('list-users', async () => {
  const { items } = await gatehouse.listUsers()
  const names = items.map(({ username }) => {
    const item = document.createElement('li')
    item.textContent = username
    return item
  })
  byId('users', HTMLUListElement).replaceChildren(...names)
})
onClick('end-others', async () => {
  await gatehouse.endOtherSessions()
  await refresh('All other sessions have ended.')
})
onClick('more-sessions', () => showSessions(nextCursor))

tabs.addEventListener('message', () => run(() => refresh()))
// The back button can restore the page as it was, with an account that has logged out since.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) run(() => refresh())
})
run(() => refresh())

/**
 * Runs an action of the user after the actions before it, so that none shows what has changed since, and
 * shows its error.
 *
 * @param {() => Promise<unknown>} action
 * @param {HTMLFormElement} [form] shows the errors that concern its fields
 */
async function run(action, form) {
  const running = latest.then(() => perform(action, form))
  latest = running.catch(() => undefined)
  await running
}

/** @type {typeof run} */
async function perform(action, form) {
  const problem = byId('problem', HTMLElement)
  problem.textContent = ''
  if (form) clearFieldErrors(form)
  document.body.setAttribute('aria-busy', 'true')
  try {
    await action()
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    // The status says it already, beside the form to log in.
    if (error.isSignedOut) return
    if (error.code === 'PRECONDITION_FAILED') await refresh().catch(() => undefined)
    const others = form ? showFieldErrors(form, error.errors) : error.errors
    const isShown = error.errors.length > others.length
    problem.textContent = isShown && others.length === 0 ? '' : describe(error)
  } finally {
    document.body.removeAttribute('aria-busy')
  }
}

/** @param {GatehouseError} error @returns {string} what it means for the user */
function describe({ code, status, message, retryAfterS, requestId }) {
  if (code === 'NOT_PERMITTED') return 'Your account is not permitted to do this.'
  if (code === 'PRECONDITION_FAILED') return 'The account has changed in the meantime. Try again.'
  if (code === 'OUTCOME_UNKNOWN') return 'The change may have been made. Reload the page to see.'
  if (retryAfterS > 0) return `${message} Try again in ${retryAfterS} s.`
  if (status >= 500 && requestId) return `${message} Report this number: ${requestId}.`
  return message
}

/** @param {string} text */
function say(text) {
  byId('status', HTMLElement).textContent = text
}

/** @param {string} id @param {() => Promise<unknown>} action */
function onClick(id, action) {
  byId(id, HTMLButtonElement).addEventListener('click', () => run(action))
}

/** @param {HTMLFormElement} form @param {string} name */
function fieldOf(form, name) {
  return String(new FormData(form).get(name) ?? '')
}

/**
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {{ new (): Kind }} kind
 * @returns {Kind}
 */
function byId(id, kind) {
  const element = document.getElementById(id)
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`)
  return element
}
