import { parseArgs } from 'node:util'

/** A numeric option of a measuring program. */
export interface NumberRule {
  /** What it means, for `--help`. */
  readonly about: string
  readonly fallback: number
  readonly min: number
  readonly max: number
}

export type Values<Rules> = { readonly [name in keyof Rules]: number } & { readonly json: boolean }

/** Reads whole numbers by `rules`, and `--json`. Prints what is wrong and ends with status 2, or the help. */
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
    number(name, (values as Record<string, string | undefined>)[name], rule),
  ])
  return { ...Object.fromEntries(numbers), json: values.json ?? false }
}

function number(name: string, text: string | undefined, { fallback, min, max }: NumberRule): number {
  if (text === undefined) return fallback
  // Not Number() alone: it takes '' for 0, and '0x10' for 16.
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new RangeError(`Expected --${name} to be a whole number from ${min} to ${max}, got \`${text}\``)
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
