import test from 'ava'
import { playScene } from './helpers/fixture.js'

for (const [how, byClone] of [
  ['requests', true],
  ['offload', false],
] as const) {
  test(`morgan has times and lengths of ${how}`, async (t) => {
    t.deepEqual(await playScene(t, 'loggers', 'morgan', { args: [how] }), {
      answer: [byClone, 200, 2000],
      begun: true,
      total: true,
    })
  })

  test(`pino-http has times and lengths of ${how}`, async (t) => {
    t.deepEqual(await playScene(t, 'loggers', 'pino', { args: [how] }), {
      answer: [byClone, 200, 2000],
      message: 'request completed',
      total: true,
    })
  })
}

test("Fastify's request ids are of one count, whoever answers", async (t) => {
  const { ids } = await playScene(t, 'loggers', 'request ids')
  t.deepEqual(ids, ['req-1 true', 'req-2 true', 'req-3 false', 'req-4 true'])
})

test('an id whose drawing throws fails its request alone', async (t) => {
  t.deepEqual(await playScene(t, 'loggers', 'an id that cannot be drawn', { noisy: true }), {
    bad: 500,
    good: '7',
  })
})
