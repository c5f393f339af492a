/** Answered with a row of the heap, by its number. */
export const ROW_PATH = '/row/'
/** Answered with {@link LARGE_BYTES}. */
export const LARGE_PATH = '/large'
/** Answered with the number of bytes received. */
export const UPLOAD_PATH = '/upload'

/** Larger than the buffers of both ends of a connection together. */
export const LARGE_BYTES = 32 * 2 ** 20
