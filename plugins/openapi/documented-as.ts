/**
 * A schema keyword for a string that carries another type, such as a number in a URL. The document
 * shows the keyword's value in place of the schema. Validation ignores it.
 */
export const DOCUMENTED_AS = 'x-documented-as'
