import { Blob, File, resolveObjectURL } from 'node:buffer'

const blob = new Blob(['one ', new Uint8Array([116, 119, 111]), new Blob([' three'])], { type: 'text/plain' })
console.log(blob.size, await blob.text(), await blob.slice(4, 7).text())
const chunks = []
for await (const chunk of blob.stream()) chunks.push(chunk)
console.log(Buffer.concat(chunks).length, (await blob.arrayBuffer()).byteLength)
const file = new File([blob], 'name.txt', { lastModified: 5 })
console.log(file.name, file.lastModified, await file.text())
const url = URL.createObjectURL(blob)
console.log(await resolveObjectURL(url).text())
URL.revokeObjectURL(url)
console.log(resolveObjectURL(url))
