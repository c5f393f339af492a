export type ExampleErrorCode =
  | 'ERR_EXAMPLE_USAGE'
  | 'ERR_EXAMPLE_DATA'
  | 'ERR_EXAMPLE_CANNOT_CLONE'
  | 'ERR_EXAMPLE_LISTEN'

/** What an example itself has to say to its user: printed as one line, without a stack. */
export class ExampleError extends Error {
  override readonly name = 'ExampleError'

  readonly code: ExampleErrorCode

  constructor(code: ExampleErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
