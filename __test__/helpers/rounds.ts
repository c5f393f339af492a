/** A line before each round of something that is done again and again. */
export const ROUND = '===== round'
