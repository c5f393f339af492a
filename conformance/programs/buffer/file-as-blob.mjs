import { openAsBlob } from 'node:fs'
import { fileURLToPath } from 'node:url'

const blob = await openAsBlob(fileURLToPath(new URL('../support/data.json', import.meta.url)))
console.log(blob.size, JSON.parse(await blob.text()).name, await blob.slice(0, 8).text())
