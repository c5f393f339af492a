import { AsyncLocalStorage } from 'node:async_hooks'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const requests = new AsyncLocalStorage()
async function handle(id) {
  await readFile(fileURLToPath(import.meta.url))
  await new Promise((resolve) => setTimeout(resolve, 5 - id))
  return `${id} sees ${requests.getStore().id}`
}
console.log(await Promise.all([1, 2, 3].map((id) => requests.run({ id }, handle, id))))
console.log(requests.getStore())
requests.enterWith('entered')
setImmediate(() =>
  console.log(
    requests.getStore(),
    requests.exit(() => requests.getStore()),
  ),
)
