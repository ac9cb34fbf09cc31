// Shows on a form what is wrong with its fields.

/** @typedef {import('./gatehouse.js').FieldError} FieldError */

/**
 * Puts each message beside its field and connects them for screen readers.
 *
 * @param {HTMLFormElement} form
 * @param {FieldError[]} errors whose path `body.username` is the field `username`
 * @returns {FieldError[]} the errors that have no field in the form
 */
export function showFieldErrors(form, errors) {
  clearFieldErrors(form)
  const others = []
  for (const error of errors) {
    const input = form.elements.namedItem(error.path.replace(/^body\./, ''))
    if (!(input instanceof HTMLInputElement)) {
      others.push(error)
      continue
    }
    const note = document.createElement('span')
    note.id = `${input.id}-error`
    note.className = 'field-error'
    note.textContent = error.message // never innerHTML: a message can repeat what a user typed
    input.after(note)
    input.setAttribute('aria-invalid', 'true')
    input.setAttribute('aria-describedby', note.id)
  }
  const first = form.querySelector('[aria-invalid="true"]')
  if (first instanceof HTMLInputElement) first.focus()
  return others
}

/** @param {HTMLFormElement} form */
export function clearFieldErrors(form) {
  for (const note of form.querySelectorAll('.field-error')) note.remove()
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid')
    input.removeAttribute('aria-describedby')
  }
}
