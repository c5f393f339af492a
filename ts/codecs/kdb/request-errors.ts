import { type ErrorCode, type ErrorDetails, QcloneError } from '../../types/errors.js'

/** Progress of a request. */
export type Stage = 'connecting' | 'logging in' | 'waiting for the answer'

/** Returns the error for a request whose signal is aborted. @param server Name of the server. */
export function aborted(server: string, signal: AbortSignal): QcloneError {
  return failure(server, 'ERR_QCLONE_ABORTED', 'it was aborted by its signal', { cause: signal.reason })
}

/** Returns the error for a request at its timeout. */
export function late(server: string, stage: Stage, timeout: number): QcloneError {
  const text = `still ${stage} after ${timeout} ms: raise \`timeout\`, or check what the server is doing`
  return failure(server, 'ERR_QCLONE_TIMEOUT', text)
}

/**
Returns the error for a request whose connection is over.

@param cause Error of the connection, unless the server closed it cleanly.
*/
export function over(server: string, stage: Stage, cause?: NodeJS.ErrnoException): QcloneError {
  // An AggregateError of several addresses has a code and no message.
  const why = cause ? ` (${cause.code ?? cause.message})` : ''
  const [code, text] = OVER[stage](why)
  return failure(server, code, text, cause && { cause, ...(cause.code && { errno: cause.code }) })
}

const OVER: Record<Stage, (why: string) => [code: ErrorCode, text: string]> = {
  connecting: (why) => [
    'ERR_QCLONE_CONNECTION',
    `could not connect${why}: check the address and \`tls\`, and that a kdb+ server listens there`,
  ],
  'logging in': (why) => [
    'ERR_QCLONE_ACCESS',
    `the server closed the connection during login${why}: check user and password, and whether it expects \`tls\``,
  ],
  'waiting for the answer': (why) => [
    'ERR_QCLONE_CONNECTION',
    `the connection was closed before the answer was complete${why}: see the server's log, or try again`,
  ],
}

function failure(server: string, code: ErrorCode, text: string, details?: ErrorDetails): QcloneError {
  return new QcloneError(code, `request to ${server}: ${text}`, details)
}
