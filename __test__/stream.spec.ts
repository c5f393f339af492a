import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { playScene } from './helpers/fixture.js'

/** Plays a scene with the path of a file that is not there. */
async function withFile(t: ExecutionContext, scene: string): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-'))
  try {
    return await playScene(t, 'stream', scene, { args: [join(folder, 'file')] })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('the values of a generator arrive as they come', async (t) => {
  t.deepEqual(await playScene(t, 'stream', 'values'), {
    'async generator': [{ a: 1 }, { a: 2 }, { a: 3 }],
    generator: [1, 2, 3],
    array: [1, {}, null],
    'promise of a Readable': ['x', 'y'],
    none: [],
    many: 100_000,
    large: 3,
  })
})

test('a clone waits for who takes its values', async (t) => {
  t.deepEqual(await withFile(t, 'back-pressure'), { ahead: true, ended: [] })
})

test('a clone waits for who takes small values slowly', async (t) => {
  t.deepEqual(await withFile(t, 'a slow reader of small values'), { ahead: true })
})

test('to leave the loop ends the clone, whose generator returns', async (t) => {
  t.deepEqual(await withFile(t, 'left early'), {
    'by break': [0, true],
    'by a throw': ['of the loop', 0],
    'a clone that does not look': 0,
    'an iterator that waits': [0, true],
    'while it waits': [{ done: true }, 0],
    'before its turn': [{ done: true }, true],
    'never begun': 0,
    disposed: 0,
  })
})

test('what goes wrong in a generator is thrown in the loop', async (t) => {
  const {
    'cannot travel': cannot,
    'nothing to iterate over': nothing,
    ...told
  } = await playScene(t, 'stream', 'errors')
  t.is((cannot as string[])[0], 'ERR_QCLONE_UNSERIALIZABLE')
  t.is((nothing as string[])[0], 'TypeError')
  t.regex((nothing as string[])[1] ?? '', /use `run` for a single value/)
  t.regex(told['by run'] as string, /use `stream` for a generator/)
  delete told['by run']
  t.deepEqual(told, {
    thrown: ['RangeError', 'in the middle'],
    'before the first': ['Error', 'at once'],
    uncaught: ['Error', 'beside'],
    killed: ['ERR_QCLONE_DIED', 'SIGKILL'],
    'left by exit': ['ERR_QCLONE_DIED', 3],
    'never goes on': ['ERR_QCLONE_DIED', 13],
    deadline: ['ERR_QCLONE_TIMEOUT', 'SIGTERM'],
    aborted: ['ERR_QCLONE_ABORTED', 'SIGTERM'],
    seen: [1, 2, 3, 4, 5, 6, 7, 8],
    busy: ['ERR_QCLONE_QUEUE_FULL', null],
    afterwards: 'works',
  })
})
