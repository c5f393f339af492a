// package: nodemailer
// with: smtp-server
// parent: sends mail by a pool of connections
// clone: sends one by a transport of its own
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import nodemailer from 'nodemailer'
import { SMTPServer } from 'smtp-server'
import { unique } from './lib/http.mjs'

const subjects = []
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  async onData(stream, _, done) {
    subjects.push(/^Subject: (.*)\r$/m.exec(await text(stream))[1])
    done()
  },
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const { port } = server.server.address()
const transport = (options) =>
  nodemailer.createTransport({ host: '127.0.0.1', port, secure: false, ...options })
const pool = transport({ pool: true })
async function send(by) {
  const mail = { from: 'a@a.example', to: 'b@b.example', subject: unique(), text: 'hello' }
  assert.deepEqual((await by.sendMail(mail)).accepted, ['b@b.example'])
}

export const use = () => send(pool)
export const inClone = () => send(transport())
export const after = () => assert.equal(new Set(subjects).size, subjects.length, 'sent twice')
