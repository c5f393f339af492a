import { getHeapSnapshot, getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

let bytes = 0
let head = ''
for await (const chunk of getHeapSnapshot()) {
  head ||= chunk.toString().slice(0, 12)
  bytes += chunk.length
}
console.log(
  head,
  bytes > 100_000,
  getHeapSpaceStatistics().some(({ space_name }) => space_name === 'old_space'),
)
setFlagsFromString('--stack-size=900')
