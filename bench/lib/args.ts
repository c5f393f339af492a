import { parseArgs } from 'node:util'

/** A numeric option of a measuring program. */
export interface NumberRule {
  /** What it means, for `--help`. */
  readonly about: string
  readonly fallback: number
  /** Whether it may be a decimal fraction. */
  readonly fraction?: boolean
  readonly min: number
  readonly max: number
}

export type Values<Rules> = { readonly [name in keyof Rules]: number } & { readonly json: boolean }

/** Reads numbers by `rules`, and `--json`. Prints what is wrong and ends with status 2, or the help. */
export function readArgs<Rules extends Record<string, NumberRule>>(
  about: string,
  rules: Rules,
): Values<Rules> {
  try {
    return read(about, rules)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage(about, rules)}`)
    process.exit(STATUS_OF_MISUSE)
  }
}

function read<Rules extends Record<string, NumberRule>>(about: string, rules: Rules): Values<Rules> {
  const texts = Object.fromEntries(Object.keys(rules).map((name) => [name, { type: 'string' as const }]))
  const { values } = parseArgs({
    options: { ...texts, json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help) {
    process.stdout.write(usage(about, rules))
    process.exit(0)
  }
  const numbers = Object.entries(rules).map(([name, rule]) => [
    name,
    readNumber(name, (values as Record<string, string | undefined>)[name], rule),
  ])
  return { ...Object.fromEntries(numbers), json: values.json ?? false }
}

/** The number that `--name` was given as, or its default. @throws {RangeError} when it breaks the rule. */
export function readNumber(name: string, text: string | undefined, rule: Omit<NumberRule, 'about'>): number {
  const { fallback, fraction = false, min, max } = rule
  if (text === undefined) return fallback
  // Not Number() alone: it takes '' for 0, and '0x10' for 16.
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
