// package: dd-trace
// parent: sends traces to an agent of its own
// clone: begins a span
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import tracer from 'dd-trace'
import { listen } from './lib/http.mjs'

let received = 0
const agent = createServer((request, response) => {
  request.resume().on('end', () => {
    received++
    response.end('{"rate_by_service":{}}')
  })
})
const url = await listen(agent)
tracer.init({ url, plugins: false, flushInterval: 20, startupLogs: false, telemetry: { enabled: false } })

export const use = () => tracer.trace('use', (span) => assert.equal(tracer.scope().active(), span))
export const inClone = () => tracer.trace('in clone', (span) => span.context().toSpanId())
export async function after(spans) {
  assert.equal(new Set(spans).size, spans.length, 'span ids repeat')
  while (received === 0) await new Promise((resolve) => setTimeout(resolve, 20))
}
