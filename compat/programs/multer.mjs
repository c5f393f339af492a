// package: multer
// with: express
// parent: takes uploads
// clone: takes one
import express from 'express'
import multer from 'multer'
import { served } from './lib/http.mjs'

const app = express()
app.post('/', multer({ storage: multer.memoryStorage() }).single('file'), ({ file }, response) =>
  response.send(`${file.originalname} ${file.size}`),
)
const body = [
  '--b',
  'content-disposition: form-data; name="file"; filename="a.txt"',
  'content-type: text/plain',
  '',
  'x'.repeat(100_000),
  '--b--',
  '',
].join('\r\n')
const headers = { 'content-type': 'multipart/form-data; boundary=b' }

export const { use, inClone } = await served(app, '/', 'a.txt 100000', { method: 'POST', headers, body })
