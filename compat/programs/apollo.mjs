// package: @apollo/server
// with: graphql
// parent: answers requests
// clone: executes an operation
import assert from 'node:assert/strict'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { ask } from './lib/http.mjs'

const server = new ApolloServer({
  typeDefs: 'type Query { sum(a: Int!, b: Int!): Int }',
  resolvers: { Query: { sum: (_, { a, b }) => a + b } },
})
const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } })
const query = '{ sum(a: 1, b: 2) }'

export async function use() {
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  }
  assert.deepEqual(JSON.parse((await ask(url, options)).body).data, { sum: 3 })
}
export async function inClone() {
  const { body } = await server.executeOperation({ query })
  assert.equal(body.singleResult.data.sum, 3)
}
