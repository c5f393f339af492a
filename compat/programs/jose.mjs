// package: jose
// parent: signs and verifies
// clone: signs and verifies
import assert from 'node:assert/strict'
import { generateKeyPair, jwtVerify, SignJWT } from 'jose'

const { privateKey, publicKey } = await generateKeyPair('ES256')

export async function use() {
  const token = await new SignJWT({ name: 'ann' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  assert.equal((await jwtVerify(token, publicKey)).payload.name, 'ann')
}
export const inClone = use
