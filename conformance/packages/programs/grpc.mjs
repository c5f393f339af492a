import {
  credentials,
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  status,
} from '@grpc/grpc-js'

// A service by hand, as a generated one would be.
const json = {
  serialize: (value) => Buffer.from(JSON.stringify(value)),
  deserialize: (bytes) => JSON.parse(bytes),
}
const method = (path, responseStream) => ({
  path: `/test.Test/${path}`,
  requestStream: false,
  responseStream,
  requestSerialize: json.serialize,
  requestDeserialize: json.deserialize,
  responseSerialize: json.serialize,
  responseDeserialize: json.deserialize,
})
const { Test } = loadPackageDefinition({})
console.log(Test)
const service = { Ask: method('Ask', false), Count: method('Count', true) }
const server = new Server()
server.addService(service, {
  Ask: ({ request, metadata }, answer) =>
    request.n < 0
      ? answer({ code: status.INVALID_ARGUMENT, details: 'negative' })
      : answer(null, { n: request.n * 2, from: metadata.get('from')[0] }),
  Count(call) {
    for (let i = 0; i < call.request.n; i++) call.write({ i })
    call.end()
  },
})
const port = await new Promise((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  ),
)
const { makeGenericClientConstructor } = await import('@grpc/grpc-js')
const Client = makeGenericClientConstructor(service, 'Test')
const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
const metadata = new Metadata()
metadata.set('from', 'me')
const deadline = () => Date.now() + 10_000
const ask = (n) =>
  new Promise((resolve) =>
    client.Ask({ n }, metadata, { deadline: deadline() }, (error, value) => resolve(error?.details ?? value)),
  )
console.log(await ask(21), await ask(-1))
const counted = []
for await (const { i } of client.Count({ n: 5 }, { deadline: deadline() })) counted.push(i)
console.log(counted)
client.close()
server.forceShutdown()
