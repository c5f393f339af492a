import { createHash, timingSafeEqual } from 'node:crypto'

import type { RdbOptions } from './args.js'

/** Returns a function that checks credentials in constant time. */
export function authenticator(login: RdbOptions['login']): (user: string, password: string) => boolean {
  const expected = login && digest(login.user, login.password)
  return (user, password) => {
    // Rejects HTTP: a web page can make a browser send it to this port.
    if (/[\r\n]/.test(user + password)) return false
    return expected === undefined || timingSafeEqual(digest(user, password), expected)
  }
}

function digest(user: string, password: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([user, password]))
    .digest()
}
