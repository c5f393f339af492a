/** Summary of a response. A clone sends it to its parent before the client receives anything, and at the end. */
export interface ResponseSummary {
  statusCode: number
  /** Whether the response is complete. If not, it is in progress, or its handler or its client has given it up. */
  whole: boolean
  /** Whether the connection ends with this response. */
  last: boolean
  /** Bytes that the clone has written to the connection; 0 until the end. */
  bytes: number
  /** Status line and headers; empty for an informational response, such as `100 Continue`. */
  head: string
}

/** Formats a summary as text. A clone would need V8's serializer for an object, and creating one takes time. */
export function inText({ statusCode, whole, last, bytes, head }: ResponseSummary): string {
  return `${statusCode} ${whole ? 1 : 0} ${last ? 1 : 0} ${bytes} ${head}`
}

/** Parses a summary. @throws {Error} if the text is not one by {@link inText}. */
export function fromText(text: unknown): ResponseSummary {
  const [, statusCode, whole, last, bytes, head = ''] = (typeof text === 'string' && FORM.exec(text)) || []
  if (statusCode === undefined) throw new Error('it is not the summary of a response')
  return {
    statusCode: Number(statusCode),
    whole: whole === '1',
    last: last === '1',
    bytes: Number(bytes),
    head,
  }
}

const FORM = /^(\d{1,6}) ([01]) ([01]) (\d{1,16}) (.*)$/s
