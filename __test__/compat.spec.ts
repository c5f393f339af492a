import { fileURLToPath } from 'node:url'
import test from 'ava'
import { runScript } from './helpers/fixture.js'

const BROKEN = fileURLToPath(new URL('../../compat/broken/', import.meta.url))
const LIMIT_S = 120
/** Until a trial counts as hung, on a machine that is busy with other tests. */
const HUNG_S = 10

interface Outcome {
  readonly word: string
  readonly reason?: string
  readonly output?: string
}

/** Runs `npm run packages` with `args`. */
async function packages(...args: string[]): Promise<{ stdout: string; code: number | null }> {
  const { stdout, stderr, code } = await runScript('../../compat/main.js', {
    args,
    deadlineMs: (LIMIT_S + 10) * 1000,
  })
  if (code !== 0 && code !== 1) throw new Error(stderr)
  return { stdout, code }
}

const judged = test.macro<[file: string, word: string, reason?: RegExp]>({
  title: (_, file, word) => `${file} is told to be: ${word}`,
  async exec(t, file, word, reason = /^$/) {
    t.timeout((LIMIT_S + 20) * 1000)
    const deadline = word === 'hung' ? HUNG_S : LIMIT_S
    const { stdout, code } = await packages(
      '--program',
      BROKEN + file,
      '--forks',
      '3',
      '--deadline',
      `${deadline}`,
    )
    const outcome = JSON.parse(stdout) as Outcome
    const expected = word === 'hung' ? 'fails' : word
    t.is(outcome.word, expected, outcome.reason)
    t.is(code, expected === 'fails' ? 1 : 0)
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

test('each of a hundred packages has a row of its own', async (t) => {
  const rows = (await packages('--list')).stdout.trimEnd().split('\n')
  t.true(rows.length >= 100)
  t.is(new Set(rows).size, rows.length)
})
