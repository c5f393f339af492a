// package: ejs
// parent: renders a template
// clone: renders it
import assert from 'node:assert/strict'
import ejs from 'ejs'

export const use = () =>
  assert.equal(ejs.render('<% for (const row of rows) { %><%= row %>;<% } %>', { rows: [1, 2] }), '1;2;')
export const inClone = use
