import {
  type Expectations,
  expectEach,
  expectInteger,
  expectNumber,
  expectString,
} from '../../options/validate.js'

/** Address of a kdb+ server, and the user to log in as. */
export type KdbAddress =
  /**
  As q's `hopen` takes it: `':host:port:user:password'`; parts at the end and the first colon can be left out. An empty
  host is `localhost`. `':tcps://host:port'` is TLS.
  */
  | string
  | {
      /** Name or IP address of the host. `localhost` by default. */
      readonly host?: string
      /** TCP port. */
      readonly port: number
      /** Name of the user, without a colon. Empty by default. */
      readonly user?: string
      /** Password of the user. Empty by default. */
      readonly password?: string
    }
  | {
      /** Path of a Unix domain socket. */
      readonly path: string
      /** Name of the user, without a colon. Empty by default. */
      readonly user?: string
      /** Password of the user. Empty by default. */
      readonly password?: string
    }

/** Server to connect to, and how. */
export interface Destination {
  readonly place: { readonly host: string; readonly port: number } | { readonly path: string }
  readonly user: string
  readonly password: string
  /** Whether the address says that the server speaks TLS. */
  readonly isTls: boolean
  /** Place in words, for error messages. */
  readonly name: string
}

/** Parts of an address. */
interface Parts {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly user?: string
  readonly password?: string
}

const HANDLE = /^:?(?<tls>tcps:\/\/)?(?<host>[^:]*):(?<port>\d+)(?::(?<user>[^:]*)(?::(?<password>.*))?)?$/s
const FORMS = "like ':host:port:user:password', { host, port } or { path }"
const DEFAULT_HOST = 'localhost'
const LAST_PORT = 2 ** 16 - 1

const EXPECT: Expectations<Parts> = {
  host: expectString,
  port: (value, name) => {
    expectNumber(value, name, 1)
    expectInteger(value, name)
    if (value > LAST_PORT)
      throw new RangeError(`Expected \`${name}\` to be at most ${LAST_PORT}, got ${value}`)
  },
  path: expectString,
  user: (value, name) => {
    expectString(value, name)
    expectWithout(':', value, name)
    expectWithout('\0', value, name)
  },
  password: (value, name) => {
    // The value is a secret, and must not be in an error message.
    if (typeof value !== 'string')
      throw new TypeError(`Expected \`${name}\` to be a string, got ${typeof value}`)
    expectWithout('\0', value, name)
  },
}

/** Reads an address. @throws {TypeError} or {@link RangeError} if it is invalid. */
export function readAddress(address: unknown): Destination {
  const groups = typeof address === 'string' ? HANDLE.exec(address)?.groups : undefined
  const parts = groups ? partsOf(groups) : address
  // A string can contain a password, so it is not shown.
  if (typeof parts !== 'object' || parts === null) {
    throw new TypeError(`Expected \`address\` to be ${FORMS}, got another ${typeof address}`)
  }
  expectEach<Parts>(parts, EXPECT, 'address')
  const { host, port, path, user = '', password = '' } = parts
  const login = { user, password, isTls: groups?.tls !== undefined }
  if (path && port === undefined) return { place: { path }, name: path, ...login }
  if (path !== undefined || port === undefined) {
    throw new TypeError('Expected `address` to have either a `port` or a `path`')
  }
  const place = { host: host || DEFAULT_HOST, port }
  return { place, name: `${place.host}:${port}`, ...login }
}

function partsOf({ host, port, user, password }: Record<string, string | undefined>): object {
  return { host, port: Number(port), user, password }
}

function expectWithout(character: string, value: string, name: string): void {
  if (!value.includes(character)) return
  throw new RangeError(`Expected \`${name}\` not to contain ${JSON.stringify(character)}`)
}
