import { fileURLToPath } from 'node:url'
import test from 'ava'
import { attempt, type Outcome } from '../compat/attempt.js'
import { findPrograms, readProgram } from '../compat/catalog.js'

const BROKEN = fileURLToPath(new URL('../../compat/broken/', import.meta.url))
const LIMIT_MS = 120_000
/** Until a trial counts as hung, on a machine that is busy with other tests. */
const HUNG_MS = 10_000

const judged = test.macro<[file: string, word: Outcome['word'] | 'hung', reason?: RegExp]>({
  title: (_, file, word) => `${file} is told to be: ${word}`,
  async exec(t, file, word, reason = /^$/) {
    t.timeout(LIMIT_MS + 10_000)
    const deadlineMs = word === 'hung' ? HUNG_MS : LIMIT_MS
    const outcome = await attempt(readProgram(file, BROKEN), BROKEN + file, { forks: 3, deadlineMs })
    t.is(outcome.word, word === 'hung' ? 'fails' : word, outcome.reason)
    t.regex(outcome.reason ?? '', reason, outcome.output)
  },
})

test.serial(judged, 'fine.mjs', 'works')
test.serial(judged, 'only-imported.mjs', 'imported only')
test.serial(judged, 'holds-a-worker.mjs', 'refuses', /Worker/)
test.serial(judged, 'fails-at-first.mjs', 'fails', /^first use: TypeError: no use$/)
test.serial(judged, 'fails-in-clone.mjs', 'fails', /^clone 1: RangeError: not here$/)
test.serial(judged, 'fails-beside-clones.mjs', 'fails', /clone \d: Error: no more$/)
test.serial(judged, 'fails-after-all.mjs', 'fails', /^after all: Error: sent twice$/)
test.serial(judged, 'ends-badly.mjs', 'fails', /^clone 1: AssertionError: a clone did not end in order/)
test.serial(judged, 'dies.mjs', 'fails', /clone \d: ended by SIGKILL/)
test.serial(judged, 'hangs.mjs', 'hung', /clone \d: no end after 10 s$/)
test.serial(judged, 'server-missing.mjs', 'not tried', /^\/nowhere\/server is missing$/)

test('each of a hundred packages has a row of its own', (t) => {
  const rows = findPrograms().map(({ row }) => row)
  t.true(rows.length >= 100)
  t.is(new Set(rows).size, rows.length)
})
