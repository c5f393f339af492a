import DataLoader from 'dataloader'

const batches = []
const loader = new DataLoader(async (keys) => {
  batches.push([...keys])
  return keys.map((key) => (key < 0 ? new RangeError(`${key}`) : key * 2))
})
console.log(await Promise.all([loader.load(1), loader.load(2), loader.load(1)]))
console.log(await loader.loadMany([3, -1]), batches)
loader.clear(1)
console.log(await loader.load(1), batches.length)
