import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Addon with permanent threads. */
interface Rule {
  /** Version on npm. */
  readonly version: string
  /** File to vouch for. */
  readonly file: string
  /** Returns a function that uses the addon once and describes the result. */
  readonly user: (addon: never) => Promise<() => Promise<string>>
}

export type Addon = keyof typeof ADDONS

export const ADDONS = {
  sharp: {
    version: '0.35.5',
    file: 'libvips',
    user: async ({ default: sharp }: { default: (input: object) => Image }) => {
      const create = { width: 300, height: 300, channels: 3, background: 'red' }
      return async () => hash(await sharp({ create }).resize(100).blur(3).png().toBuffer())
    },
  },
  '@duckdb/node-api': {
    version: '1.5.6-r.1',
    file: 'libduckdb',
    user: async ({ DuckDBInstance }: { DuckDBInstance: { create(path: string): Promise<Database> } }) => {
      const connection = await (await DuckDBInstance.create(':memory:')).connect()
      const query = 'select sum(a) from range(1000000) t(a)'
      return async () => String((await connection.runAndReadAll(query)).getRows())
    },
  },
  '@napi-rs/canvas': {
    version: '1.1.1',
    file: 'skia',
    user:
      async ({ createCanvas }: { createCanvas(width: number, height: number): Canvas }) =>
      async () => {
        const canvas = createCanvas(300, 300)
        canvas.getContext('2d').fillRect(0, 0, 100, 100)
        return hash(await canvas.encode('png'))
      },
  },
  snappy: {
    version: '7.4.3',
    file: 'snappy',
    user:
      async ({ compress, uncompress }: Record<'compress' | 'uncompress', Convert>) =>
      async () =>
        hash(await uncompress(await compress(Buffer.alloc(100_000, 'snappy')))),
  },
} as const satisfies Record<string, Rule>

interface Image {
  resize(width: number): Image
  blur(sigma: number): Image
  png(): Image
  toBuffer(): Promise<Buffer>
}

interface Database {
  connect(): Promise<{ runAndReadAll(query: string): Promise<{ getRows(): unknown[] }> }>
}

interface Canvas {
  getContext(kind: '2d'): { fillRect(...rectangle: number[]): void }
  encode(format: 'png'): Promise<Buffer>
}

type Convert = (bytes: Buffer) => Promise<Buffer>

/** Short hash of any bytes. */
function hash(bytes: Buffer): string {
  let hash = 0
  for (const byte of bytes) hash = (hash * 31 + byte) | 0
  return `${bytes.length} bytes, ${hash}`
}

const FOLDER = resolve('.cache', 'vouched')

/** Returns a function that uses `name` once. Installs the addon if it is missing. */
export async function userOf(name: Addon): Promise<() => Promise<string>> {
  const { version, user } = ADDONS[name]
  if (!existsSync(join(FOLDER, 'node_modules', name))) install(`${name}@${version}`)
  const path = createRequire(join(FOLDER, 'package.json')).resolve(name)
  return user((await import(pathToFileURL(path).href)) as never)
}

function install(what: string): void {
  mkdirSync(FOLDER, { recursive: true })
  const args = ['install', '--prefix', FOLDER, '--no-audit', '--no-fund', '--save-exact', what]
  const { status, error } = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw error ?? new Error(`npm ${args.join(' ')}: exit code ${status}`)
}
