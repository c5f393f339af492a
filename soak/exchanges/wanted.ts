/** Prefix of every error that a handler throws on request. */
export const WANTED = 'as wanted'

/** Reply of a server without clones where a clone would have died. */
export const DIED = 'DIED'

/** Reply of a server without clones where a clone would have exited. */
export const LEFT = 'LEFT'
