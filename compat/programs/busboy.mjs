// package: busboy
// parent: parses uploads
// clone: parses one
import busboy from 'busboy'
import { served } from './lib/http.mjs'

function upload(request, response) {
  const fields = []
  const parser = busboy({ headers: request.headers })
  parser.on('field', (name, value) => fields.push(`${name}=${value}`))
  parser.on('close', () => response.end(fields.join()))
  request.pipe(parser)
}
const body = ['--b', 'content-disposition: form-data; name="a"', '', '1', '--b--', ''].join('\r\n')
const headers = { 'content-type': 'multipart/form-data; boundary=b' }

export const { use, inClone } = await served(upload, '/', 'a=1', { method: 'POST', headers, body })
