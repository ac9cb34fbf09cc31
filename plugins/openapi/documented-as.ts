/**
 * A schema keyword for text that stands for another type, as numbers in a URL do. The document
 * shows the keyword's value in place of the schema. Validation ignores it.
 */
export const DOCUMENTED_AS = 'x-documented-as'
