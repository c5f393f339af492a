import { type ParseArgsConfig, parseArgs } from 'node:util'

/** A numeric option of a measuring program. */
export interface NumberRule {
  /** Description for `--help`. */
  readonly about: string
  readonly fallback: number
  /** Whether it may be a decimal fraction. */
  readonly fraction?: boolean
  readonly min: number
  readonly max: number
}

export type Values<Rules> = { readonly [name in keyof Rules]: number } & { readonly json: boolean }

/** Reads the numbers in `rules`, and `--json`. Exits like {@link readCommandLine}. */
export function readArgs<Rules extends Record<string, NumberRule>>(
  about: string,
  rules: Rules,
): Values<Rules> {
  const texts = Object.fromEntries(Object.keys(rules).map((name) => [name, { type: 'string' as const }]))
  return readCommandLine(usage(about, rules), { ...texts, json: JSON_FLAG }, (values) => {
    const given = values as unknown as Record<string, string | undefined>
    const numbers = Object.entries(rules).map(([name, rule]) => [name, readNumber(name, given[name], rule)])
    return { ...Object.fromEntries(numbers), json: values.json }
  })
}

const JSON_FLAG = { type: 'boolean', default: false } as const

type Flags = NonNullable<ParseArgsConfig['options']>
type Given<F extends Flags> = ReturnType<typeof parseArgs<{ options: F }>>['values']

/**
Reads the command line, whose options are `flags` and `--help`. Exits with status 2 and an error message if it is
invalid, or after printing the help.

@param read Converts the given values to options. An error it throws is reported as an invalid command line.
*/
export function readCommandLine<F extends Flags, Options>(
  usage: string,
  flags: F,
  read: (values: Given<F>) => Options,
): Options {
  try {
    const { values } = parseArgs({ options: { ...flags, help: { type: 'boolean' } } })
    if ((values as { help?: boolean }).help) {
      process.stdout.write(usage)
      process.exit(0)
    }
    return read(values as Given<F>)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    process.exit(STATUS_OF_MISUSE)
  }
}

/** Returns the comma-separated names given as `--name`, or `fallback`. @throws {TypeError} for an unknown name. */
export function readNames<T extends string>(
  name: string,
  text: string | undefined,
  known: readonly T[],
  fallback = known,
): readonly T[] {
  if (text === undefined) return fallback
  return text.split(',').map((one) => readName(name, one, known))
}

/** Returns the name given as `--name`. @throws {TypeError} for an unknown name. */
export function readName<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text)
  if (found !== undefined) return found
  throw new TypeError(`Expected --${name} to be of ${known.join(', ')}, got \`${text}\``)
}

/** Returns the number given as `--name`, or its default. @throws {RangeError} if it violates the rule. */
export function readNumber(name: string, text: string | undefined, rule: Omit<NumberRule, 'about'>): number {
  const { fallback, fraction = false, min, max } = rule
  if (text === undefined) return fallback
  // Number() alone would accept '' as 0, and '0x10' as 16.
  const value = (fraction ? /^\d+(\.\d+)?$/ : /^\d+$/).test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  const kind = fraction ? 'number' : 'whole number'
  throw new RangeError(`Expected --${name} to be a ${kind} from ${min} to ${max}, got \`${text}\``)
}

function usage(about: string, rules: Record<string, NumberRule>): string {
  const lines = Object.entries(rules).map(([name, rule]) => [
    `--${name} N`,
    `${rule.about}, ${rule.min} to ${rule.max} (default ${rule.fallback})`,
  ])
  lines.push(['--json', 'print one JSON object on stdout instead of lines'], ['--help', 'print this'])
  const width = Math.max(...lines.map(([option = '']) => option.length))
  return `${about}\n\n${lines.map(([option = '', what]) => `  ${option.padEnd(width)}  ${what}\n`).join('')}`
}

const STATUS_OF_MISUSE = 2
