const { subtle } = globalThis.crypto
const bytes = new TextEncoder().encode('web')
console.log(Buffer.from(await subtle.digest('SHA-256', bytes)).toString('hex'))
const key = await subtle.generateKey({ name: 'AES-CBC', length: 128 }, true, ['encrypt', 'decrypt'])
const iv = crypto.getRandomValues(new Uint8Array(16))
const secret = await subtle.encrypt({ name: 'AES-CBC', iv }, key, bytes)
console.log(
  secret.byteLength,
  new TextDecoder().decode(await subtle.decrypt({ name: 'AES-CBC', iv }, key, secret)),
)
const hmac = await subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-1' }, false, ['sign', 'verify'])
console.log(await subtle.verify('HMAC', hmac, await subtle.sign('HMAC', hmac, bytes), bytes))
