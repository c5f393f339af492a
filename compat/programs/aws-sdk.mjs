// package: @aws-sdk/client-s3
// parent: puts and gets objects of a server of its own
// clone: does so by a client of its own
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { listen, unique } from './lib/http.mjs'

const objects = new Map()
const endpoint = await listen(
  createServer(async (request, response) => {
    const key = request.url.split('?', 1)[0]
    const body = await text(request)
    if (request.method === 'PUT') objects.set(key, body)
    response.end(request.method === 'GET' ? objects.get(key) : '')
  }),
)
const connect = () =>
  new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
const client = connect()
async function putAndGet(by) {
  const object = { Bucket: 'a', Key: unique() }
  await by.send(new PutObjectCommand({ ...object, Body: object.Key }))
  const { Body } = await by.send(new GetObjectCommand(object))
  assert.equal(await Body.transformToString(), object.Key)
}

export const use = () => putAndGet(client)
export const inClone = () => putAndGet(connect())
