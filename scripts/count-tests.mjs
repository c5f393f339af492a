// Adds up the tests that cargo and ava report: node scripts/count-tests.mjs LOG...
import { readFileSync } from 'node:fs'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'

const CARGO = /\btest result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/
// ava indents its own lines by two spaces. Its summary lines contain nothing else.
const AVA_TICK = /^ {2}✔ /
const AVA_VERDICT = /^ {2}(\d+) (?:test|hook)s? (passed|failed|skipped|todo)$/
const AVA_TROUBLE = /^ {2}(\d+) (?:uncaught exception|unhandled rejection)s?$/

/** Returns the totals of all cargo and ava summaries in `log`. `summaries` is the number of summaries. */
export function countTests(log) {
  const count = { summaries: 0, passed: 0, failed: 0, skipped: 0 }
  // If any test failed, ava omits the number that passed. Its ticks are counted instead.
  let ticks = 0
  for (const line of log.split('\n')) {
    const cargo = CARGO.exec(line)
    const verdict = AVA_VERDICT.exec(line)
    const trouble = AVA_TROUBLE.exec(line)
    if (cargo) {
      count.summaries += 1
      count.passed += Number(cargo[1])
      count.failed += Number(cargo[2])
      count.skipped += Number(cargo[3])
    } else if (verdict?.[2] === 'passed' || verdict?.[2] === 'failed') {
      count.summaries += 1
      count.passed += verdict[2] === 'passed' ? Number(verdict[1]) : ticks
      count.failed += verdict[2] === 'failed' ? Number(verdict[1]) : 0
      ticks = 0
    } else if (verdict) {
      count.skipped += Number(verdict[1])
    } else if (trouble) {
      count.failed += Number(trouble[1])
    } else if (AVA_TICK.test(line)) {
      ticks += 1
    }
  }
  return count
}

if (argv[1] && import.meta.url === pathToFileURL(argv[1]).href) {
  const log = argv.slice(2).map((path) => readFileSync(path, 'utf8'))
  const { summaries, passed, failed, skipped } = countTests(log.join('\n'))
  console.log(summaries, passed, failed, skipped)
}
