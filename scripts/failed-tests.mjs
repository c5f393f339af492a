// Prints what ava and cargo report of failed tests, without the rest of the log: node scripts/failed-tests.mjs LOG...
import { readFileSync } from 'node:fs'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'

/** Most lines shown of one report; those left out are counted. */
const MAX_LINES = 40
const AVA_RULE = /^ {2}─$/
const AVA_FAILED = /^ {2}✘ (?:\[fail\]: )?/
const AVA_SUMMARY = /^ {2}\d+ (?:tests?|hooks?|uncaught|unhandled)/
const AVA_FRAME = /node_modules\/ava\/|node:internal\//
const CARGO_REPORT = /^---- .* ----$/
const CARGO_END = /^failures:$/
/** As matrix.mjs heads the output of one Node line. */
const NODE_LINE = /^--- (Node .*)$/

/** Returns the reports of failed tests in `log`, each a list of lines. */
export function failedTests(log) {
  const failed = log.split('\n').filter((line) => AVA_FAILED.test(line))
  const reports = []
  let report
  let where = ''
  // A ✘ line goes on after the title, with a message or a duration.
  const isTitle = (line) =>
    /^ {2}\S/.test(line) && failed.some((of) => of.replace(AVA_FAILED, '').startsWith(line.trim()))
  let afterRule = false
  for (const line of log.split('\n')) {
    if (AVA_RULE.test(line)) {
      afterRule = true
      report = undefined
    } else if (CARGO_REPORT.test(line) || (afterRule && isTitle(line))) {
      report = [`${line}${where}`]
      reports.push(report)
    } else if (CARGO_END.test(line) || AVA_SUMMARY.test(line)) {
      afterRule = false
      report = undefined
    } else if (NODE_LINE.test(line)) {
      where = line.replace(NODE_LINE, ' [$1]')
    } else if (line.trim() !== '' && !AVA_FRAME.test(line)) {
      report?.push(line)
    }
  }
  return reports.map(shorten)
}

function shorten(report) {
  if (report.length <= MAX_LINES) return report
  const head = report.slice(0, MAX_LINES / 2)
  const tail = report.slice(-MAX_LINES / 2)
  return [...head, `  [${report.length - MAX_LINES} more lines]`, ...tail]
}

if (argv[1] && import.meta.url === pathToFileURL(argv[1]).href) {
  for (const path of argv.slice(2)) {
    for (const report of failedTests(readFileSync(path, 'utf8'))) console.log(`${report.join('\n')}\n`)
  }
}
