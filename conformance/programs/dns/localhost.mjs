import { getServers, lookup, promises, setServers } from 'node:dns'

lookup('localhost', { family: 4 }, async (error, address, family) => {
  console.log(error, address, family)
  console.log(await promises.lookup('127.0.0.1', { all: true }))
  console.log(await promises.lookupService('127.0.0.1', 80).then(({ service }) => typeof service))
  setServers(['127.0.0.1:5353'])
  console.log(getServers())
})
