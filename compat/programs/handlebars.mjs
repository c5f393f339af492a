// package: handlebars
// parent: renders a template
// clone: compiles one and renders it
import assert from 'node:assert/strict'
import Handlebars from 'handlebars'

const source = '{{#each rows}}{{this}};{{/each}}'
const template = Handlebars.compile(source)

export const use = () => assert.equal(template({ rows: [1, 2] }), '1;2;')
export const inClone = () => assert.equal(Handlebars.compile(source)({ rows: [1, 2] }), '1;2;')
