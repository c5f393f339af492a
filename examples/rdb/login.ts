import { createHash, timingSafeEqual } from 'node:crypto'

import type { RdbOptions } from './args.js'

/** Says who is let in. How long it takes tells nothing of the password. */
export function authenticator(login: RdbOptions['login']): (user: string, password: string) => boolean {
  const expected = login && digest(login.user, login.password)
  return (user, password) => {
    // What a page in somebody's browser sends to this port begins with a line of HTTP.
    if (/[\r\n]/.test(user + password)) return false
    return expected === undefined || timingSafeEqual(digest(user, password), expected)
  }
}

function digest(user: string, password: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([user, password]))
    .digest()
}
