export type ExampleErrorCode =
  | 'ERR_EXAMPLE_USAGE'
  | 'ERR_EXAMPLE_DATA'
  | 'ERR_EXAMPLE_CANNOT_CLONE'
  | 'ERR_EXAMPLE_LISTEN'

/** Error for the example's user, printed as one line without a stack. */
export class ExampleError extends Error {
  override readonly name = 'ExampleError'

  readonly code: ExampleErrorCode

  constructor(code: ExampleErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
