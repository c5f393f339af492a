// Prints how much of the TypeScript the tests of its features run: node scripts/coverage.mjs. Needs a build.
// Of the parents alone: a clone leaves by _exit(2), and Node writes no coverage then. So what clones do first, and what
// only they do, counts as not run. Whether the tests pass is not looked at: V8 runs slower here, and some have bounds.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env, execPath } from 'node:process'
import MCR from 'monocart-coverage-reports'

/** All would write gigabytes. */
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
    // Tests see the bundle, and modules beside it when they look inside.
    entryFilter: { '**/node_modules/**': false, '**/dist/*.js': true, '**/build/ts/**': true },
    sourceFilter: '**/ts/**',
  })
  await report.addFromDir(raw)
  await report.generate()
} finally {
  rmSync(folder, { recursive: true })
}
