import test from 'ava'
import { playScene, runFixture } from './helpers/fixture.js'

test('the life of each clone is published', async (t) => {
  const told = await playScene(t, 'signs', 'published')
  // That a clone has ended may be seen before what it had to say is read.
  for (const name of ['answers', 'throws', 'streams', 'waits'])
    told[name] = (told[name] as string[]).toSorted((a, b) => Number(a === 'reaped') - Number(b === 'reaped'))
  t.deepEqual(told, {
    answers: ['forked', 'ready', 'answered', 'reaped'],
    throws: ['forked', 'ready', 'answered', 'reaped'],
    spawned: ['forked', 'reaped'],
    streams: ['forked', 'ready', 'reaped'],
    stays: ['forked', 'reaped'],
    waits: ['queued', 'forked', 'ready', 'answered', 'reaped'],
    refused: ['refused'],
    timings: true,
    reaped: [true, true, 3, true],
    failed: [false, true],
    error: 'ERR_QCLONE_QUEUE_FULL',
  })
})

test('NODE_DEBUG=qclone prints it', async (t) => {
  const { stderr } = await runFixture('signs', 'printed', { env: { NODE_DEBUG: 'qclone' } })
  for (const sign of ['forked', 'ready', 'answered', 'reaped'])
    t.regex(stderr, new RegExp(`QCLONE \\d+: qclone:${sign} `))
  const without = await runFixture('signs', 'printed')
  t.is(without.stderr, '')
})
