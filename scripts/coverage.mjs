// Prints how much of the TypeScript the feature tests run: node scripts/coverage.mjs. Needs a build.
// Covers only the parents: a clone exits with _exit(2), and Node writes no coverage then. Code that clones run first,
// and code that only clones run, counts as not run. Test results are ignored: V8 runs slower here, and some tests have
// time limits.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env, execPath } from 'node:process'
import MCR from 'monocart-coverage-reports'

/** All tests would write gigabytes. */
const FEATURES = [
  'clone,handlers,inline,keep,offload,options,pools,queries,reap,refusals,requests,resident,run',
  'sessions,signs,spawn,stream,streams,validation,values',
  'codecs-decode,codecs-encode,codecs-kdb,codecs-lazy,codecs-ndjson,kdb-request',
].join()

const folder = mkdtempSync(join(tmpdir(), 'qclone-coverage-'))
try {
  const ava = ['node_modules/ava/entrypoints/cli.mjs', `build/__test__/{${FEATURES}}.spec.js`]
  const raw = join(folder, 'raw')
  spawnSync(execPath, ava, { env: { ...env, NODE_V8_COVERAGE: raw }, stdio: ['ignore', 'ignore', 'inherit'] })
  const report = MCR({
    logging: 'error',
    outputDir: join(folder, 'report'),
    reports: ['text-summary'],
    // Tests import the bundle, and single modules when they test internals.
    entryFilter: { '**/node_modules/**': false, '**/dist/*.js': true, '**/build/ts/**': true },
    sourceFilter: '**/ts/**',
  })
  await report.addFromDir(raw)
  await report.generate()
} finally {
  rmSync(folder, { recursive: true })
}
