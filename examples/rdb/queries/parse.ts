import { QueryError } from '../errors.js'

/** Name of a query and its positional arguments, with `undefined` for one that is left out. */
export interface Call {
  readonly name: string
  readonly args: ReadonlyArray<string | number | undefined>
}

const MOST_CHARACTERS = 2000
const NAME = /^[A-Za-z][A-Za-z0-9]*/
const ARGUMENT =
  /^(?:(?<number>-?\d+(?:\.\d+)?)(?![\w.])|"(?<text>(?:[^"\\]|\\.)*)"|`(?<symbol>[^\s`;[\]"]*)|(?<word>[A-Za-z_-][\w-]*))/

/**
Parses `name`, `name argument` and `name[argument; argument]`. An argument is a number, "text", a `symbol, or a word.
Nothing is evaluated.
*/
export function parseCall(text: string): Call {
  if (text.length > MOST_CHARACTERS) {
    throw new QueryError(`Expected a query of at most ${MOST_CHARACTERS} characters`)
  }
  const trimmed = text.trim()
  const [name = ''] = NAME.exec(trimmed) ?? []
  if (name === '') {
    throw new QueryError('Expected a query to begin with its name, as in `count flights` or `busiest[5]`')
  }
  const rest = trimmed.slice(name.length)
  if (rest === '') return { name, args: [] }
  const bracketed = rest.startsWith('[')
  if (bracketed && !rest.endsWith(']')) throw new QueryError('Expected `]` at the end')
  // q needs no space before a symbol or text.
  if (!bracketed && !/^[\s`"]/.test(rest)) throw new QueryError(`Expected a space or \`[\` after ${name}`)
  return { name, args: bracketed ? readList(rest.slice(1, -1)) : [readOnly(rest)] }
}

function readList(text: string): Call['args'] {
  const args: Array<string | number | undefined> = []
  let rest = text.trimStart()
  if (rest === '') return args
  while (true) {
    if (rest === '' || rest.startsWith(';')) args.push(undefined)
    else {
      const { value, after } = readArgument(rest)
      args.push(value)
      rest = after
    }
    if (rest === '') return args
    if (!rest.startsWith(';')) throw new QueryError(`Expected \`;\` or \`]\` before \`${rest}\``)
    rest = rest.slice(1).trimStart()
  }
}

function readOnly(text: string): string | number {
  const { value, after } = readArgument(text.trimStart())
  if (after !== '')
    throw new QueryError(`Expected one argument, or several as in \`[1; 2]\`, got \`${after}\` too`)
  return value
}

function readArgument(text: string): { value: string | number; after: string } {
  const match = ARGUMENT.exec(text)
  if (!match) {
    throw new QueryError(`Expected a number, a word, a \`\`symbol\` or "text", got \`${text}\``)
  }
  const { number, text: quoted, symbol, word } = match.groups ?? {}
  const value =
    number !== undefined ? Number(number) : (symbol ?? word ?? (quoted ?? '').replaceAll(/\\(.)/g, '$1'))
  return { value, after: text.slice(match[0].length).trimStart() }
}
