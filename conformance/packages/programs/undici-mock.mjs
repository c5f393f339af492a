import { fetch, MockAgent } from 'undici'

const agent = new MockAgent()
agent.disableNetConnect()
agent.get('http://example.test').intercept({ path: '/', method: 'GET' }).reply(201, { made: 'up' }).times(2)
const get = async () => {
  const response = await fetch('http://example.test/', { dispatcher: agent })
  return [response.status, await response.json()]
}
console.log(await get(), await get())
console.log(await get().catch((error) => error.cause.code))
await agent.close()
