/** First words of every error that a handler throws because it was asked to. */
export const WANTED = 'as wanted'

/** What a server without clones replies where a clone would have died. */
export const DIED = 'DIED'

/** The same for one that would have ended in order. */
export const LEFT = 'LEFT'
