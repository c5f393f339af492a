/** What a clone tells its parent of the response that it sends: before the client gets anything, and at the end. */
export interface Told {
  statusCode: number
  /** Whether the response is whole: it has not ended, or was given up by its handler or its client, if not. */
  whole: boolean
  /** Whether the connection ends with it. */
  last: boolean
  /** Bytes that the clone has written to the connection; 0 until the end. */
  bytes: number
  /** Status line and headers; empty while only `100 Continue` or its like is sent. */
  head: string
}

/** Short texts need no serializer of V8's, which a clone would have to make for this alone. */
export function inText({ statusCode, whole, last, bytes, head }: Told): string {
  return `${statusCode} ${whole ? 1 : 0} ${last ? 1 : 0} ${bytes} ${head}`
}

/** @throws {Error} when it is no text by {@link inText}. */
export function fromText(text: unknown): Told {
  const [, statusCode, whole, last, bytes, head = ''] = (typeof text === 'string' && FORM.exec(text)) || []
  if (statusCode === undefined) throw new Error('it told nothing of a response')
  return {
    statusCode: Number(statusCode),
    whole: whole === '1',
    last: last === '1',
    bytes: Number(bytes),
    head,
  }
}

const FORM = /^(\d{1,6}) ([01]) ([01]) (\d{1,16}) (.*)$/s
