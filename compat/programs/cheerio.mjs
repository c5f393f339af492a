// package: cheerio
// parent: reads pages
// clone: reads pages
import assert from 'node:assert/strict'
import { load } from 'cheerio'

export const use = () => assert.equal(load('<ul><li>a<li>b</ul>')('li').last().text(), 'b')
export const inClone = use
