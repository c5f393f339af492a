import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { playScene } from './helpers/fixture.js'

/** Arguments of scenes: whether the parent has used its standard output. */
const USED_OR_NOT = [[], ['used']]

const PIPED = { wrapper: ['sh', '-c', 'echo text | exec "$@"', 'sh'] }

test('what the parent has pending on standard output is written once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-'))
  const args = [join(folder, 'listening')]
  const { large, ...told } = await playScene(t, 'streams', 'pending in the parent', { args })
  t.deepEqual(told, {
    'of the clone': 'after it',
    'length of it': (large as string).length,
    'told in the parent': 1,
  })
  rmSync(folder, { recursive: true })
})

test('a clone that leaves has written all that it had to write', async (t) => {
  for (const args of USED_OR_NOT) {
    const told = await playScene(t, 'streams', 'leaving at once', { args })
    for (const way of ['run', 'process.exit in run', 'spawn', 'process.exit in spawn']) {
      t.is((told[way] as string)?.length, 1_000_000, `${way} ${args}`)
    }
  }
})

test('standard output of a clone is a stream as others are', async (t) => {
  for (const args of USED_OR_NOT) {
    t.deepEqual(await playScene(t, 'streams', 'as a stream', { args }), {
      piped: 'through a pipeline',
      'its callbacks': [false, 'written', 0],
      'the same object': true,
    })
  }
})

test('standard input of a clone is at its end, whatever the parent does with its own', async (t) => {
  for (const scene of ['stdin unread', 'stdin being read', 'stdin paused']) {
    t.deepEqual(await playScene(t, 'streams', scene, PIPED), {
      'by run': '',
      'by spawn': 0,
      'by a command of the clone': '',
      'in the parent': 'text\n',
      ...(scene !== 'stdin being read' && { 'by the stream of the parent': '' }),
    })
  }
})

test('a clone reads the standard input that it inherits', async (t) => {
  t.deepEqual(await playScene(t, 'streams', 'stdin inherited', PIPED), { 'in the clone': 'text\n' })
  const folder = mkdtempSync(join(tmpdir(), 'qclone-'))
  const asked = join(folder, 'asked')
  const told = await playScene(t, 'streams', 'stdin inherited before there is anything', {
    wrapper: ['sh', '-c', '(until [ -e "$0" ]; do sleep 0.01; done; echo text) | exec "$@"', asked],
    args: [asked],
  })
  t.deepEqual(told, { 'in the clone': 'text\n' })
  rmSync(folder, { recursive: true })
  t.deepEqual(await playScene(t, 'streams', 'stdin inherited from one who reads', PIPED), {
    'in the clone': 'end',
    'in the parent': 'text\n',
  })
})
