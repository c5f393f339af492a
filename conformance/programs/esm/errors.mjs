const tell = ({ name, code, message }) =>
  console.log(name, code, message.split('\n')[0].replace(/ imported from.*/, ''))
await import('./not-there.mjs').catch(({ code }) => console.log(code))
await import('no-such-package-at-all').catch(tell)
await import('node:no-such-module').catch(tell)
await import('data:text/javascript,export default (').catch(tell)
await import('data:text/javascript,throw new RangeError("at evaluation")').catch(tell)
await import('data:text/javascript,import { nothing } from "node:fs"').catch(tell)
