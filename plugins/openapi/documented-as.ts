/**
 * A keyword for schemas of text that stands for something else, as numbers in a URL do: the
 * document has this schema in place of the text's. It says nothing of what is valid.
 */
export const DOCUMENTED_AS = 'x-documented-as'
