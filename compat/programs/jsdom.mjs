// package: jsdom
// parent: runs pages
// clone: changes the parent's page, runs one of its own
import assert from 'node:assert/strict'
import { JSDOM } from 'jsdom'

const open = () =>
  new JSDOM('<p>a</p><script>document.body.append(document.querySelector("p").textContent + "b")</script>', {
    runScripts: 'dangerously',
  })
const page = open()

export const use = () => assert.equal(open().window.document.body.lastChild.data, 'ab')
export function inClone() {
  page.window.document.querySelector('p').textContent = 'c'
  assert.equal(page.window.document.body.textContent.slice(0, 1), 'c')
  use()
}
