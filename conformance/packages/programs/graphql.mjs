import { buildSchema, graphql } from 'graphql'

const schema = buildSchema('type Query { hello(name: String!): String, slow: Int, fails: Int }')
const rootValue = {
  hello: ({ name }) => `hello ${name}`,
  slow: () => new Promise((resolve) => setTimeout(resolve, 5, 7)),
  fails: () => {
    throw new Error('bad')
  },
}
const ask = async (source) => JSON.stringify(await graphql({ schema, source, rootValue }))
console.log(await ask('{ hello(name: "you") slow fails }'))
console.log(await ask('{ none }'))
