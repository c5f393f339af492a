import test from 'ava'
import { playScene, runFixture } from './helpers/fixture.js'

test('a clone that dies behind an answer is a line on stderr, without what may be secret', async (t) => {
  const { stderr, told } = await runFixture('telling', 'clones that die')
  t.is(told.status, 500)
  const lines = stderr.trim().split('\n')
  t.is(lines.length, 2)
  t.regex(
    lines[0] as string,
    /^qclone: request GET \/exit: clone \d+ exited with status 3 before its client had/,
  )
  t.regex(lines[1] as string, /^qclone: query a query: clone \d+ exited with status 4 before its client had/)
})

test('it is none when somebody listens for the ends of clones', async (t) => {
  t.deepEqual(await playScene(t, 'telling', 'somebody listens'), { status: 500 })
})

test('clients that are turned away are one warning for each reason', async (t) => {
  const { warnings } = await playScene(t, 'telling', 'turned away', { noisy: true })
  t.deepEqual(warnings, [
    ['QcloneWarning', 'ERR_QCLONE_MEMORY'],
    ['QcloneWarning', 'ERR_QCLONE_QUEUE_FULL'],
  ])
})

test('where there can never be a clone, a server is refused at once', async (t) => {
  const unsupported = 'ERR_QCLONE_UNSUPPORTED'
  t.deepEqual(await playScene(t, 'telling', 'where there can be no clone'), {
    'without a binary': [unsupported, unsupported, unsupported],
    'in a Worker': [unsupported, 'function'],
  })
})
