// package: graphql
// parent: executes queries
// clone: executes one
import assert from 'node:assert/strict'
import { buildSchema, graphql } from 'graphql'

const schema = buildSchema('type Query { sum(a: Int!, b: Int!): Int }')
const rootValue = { sum: async ({ a, b }) => a + b }

export async function use() {
  const { data } = await graphql({ schema, rootValue, source: '{ sum(a: 1, b: 2) }' })
  assert.equal(data.sum, 3)
}
export const inClone = use
