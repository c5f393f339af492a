export type DemoErrorCode = 'ERR_DEMO_USAGE' | 'ERR_DEMO_DATA' | 'ERR_DEMO_CANNOT_CLONE'

/** What the demo itself has to say to its user: printed as one line, without a stack. */
export class DemoError extends Error {
  override readonly name = 'DemoError'

  readonly code: DemoErrorCode

  constructor(code: DemoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
