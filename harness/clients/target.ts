/** Address of a server on this machine. */
export interface Target {
  readonly scheme: 'http' | 'https'
  readonly port: number
  /** Socket to use instead of the port. */
  readonly socketPath?: string
}

export const HOST = '127.0.0.1'

export function originOf({ scheme, port }: Target): string {
  return `${scheme}://${HOST}:${port}`
}
