import { spawnSync } from 'node:child_process'
import { readArgs } from '../harness/args.js'
import { median, percentile, rounded } from '../harness/stats.js'

const options = readArgs(
  `Usage: npm run bench -- import [options]

Starts pairs of Node processes, one that imports node-qclone and one that imports nothing, and compares their run time.
Passes if the import takes no longer than the start of Node itself.`,
  { pairs: { about: 'pairs of processes', fallback: 30, min: 3, max: 1000 } },
)

/** Script that imports the package, and prints the milliseconds and the CPU milliseconds that took. */
const IMPORT = `
const begun = performance.now()
const usage = process.cpuUsage()
await import('node-qclone')
const { user, system } = process.cpuUsage(usage)
console.log(JSON.stringify([performance.now() - begun, (user + system) / 1000]))`

function processOf(script: string) {
  const begun = performance.now()
  const args = ['--input-type=module', '--eval', script]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return { totalMs: performance.now() - begun, stdout }
}

function pair() {
  const bare = processOf('')
  const importing = processOf(IMPORT)
  const [importMs, cpuMs] = JSON.parse(importing.stdout) as [number, number]
  return { bareMs: bare.totalMs, addedMs: importing.totalMs - bare.totalMs, importMs, cpuMs }
}

type Pair = ReturnType<typeof pair>

// The first pair reads the files from disk.
pair()
const pairs = Array.from({ length: options.pairs }, pair)

function spread(name: keyof Pair) {
  const values = pairs.map((one) => one[name])
  return {
    median: rounded(median(values)),
    p10: rounded(percentile(values, 0.1)),
    p90: rounded(percentile(values, 0.9)),
  }
}

const result = {
  node: process.version,
  pairs: options.pairs,
  bareMs: spread('bareMs'),
  addedMs: spread('addedMs'),
  importMs: spread('importMs'),
  cpuMs: spread('cpuMs'),
}
const isMet = result.addedMs.median <= result.bareMs.median

if (options.json) console.log(JSON.stringify({ ...result, isMet }))
else {
  const shown = ({ median, p10, p90 }: ReturnType<typeof spread>) =>
    `${median.toFixed(0)} ms (${p10.toFixed(0)} to ${p90.toFixed(0)})`
  console.log(`Node ${result.node}, ${result.pairs} pairs, medians (10th to 90th percentile)`)
  console.log(`  a process that imports nothing   ${shown(result.bareMs)}`)
  console.log(`  added by the import              ${shown(result.addedMs)}`)
  console.log(`  the import, from within          ${shown(result.importMs)}`)
  console.log(`  CPU time in it                   ${shown(result.cpuMs)}`)
  console.log(isMet ? 'met' : 'NOT met')
}
process.exitCode = isMet ? 0 : 1
