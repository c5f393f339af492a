// Packs the packages, tries the tarballs in empty projects, and checks them with publint and attw:
// node scripts/packed/check.mjs. Needs a build.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { list, pack } from './pack.mjs'
import { run } from './run.mjs'
import { tryPacked } from './try.mjs'

/** Every Node that `engines` allows can `require` an ES module, so this rule does not apply. */
const ATTW = ['--ignore-rules', 'cjs-resolves-to-esm', '--no-emoji', '--no-color']

const folder = mkdtempSync(join(tmpdir(), 'qclone-packed-'))
try {
  const packed = pack(folder)
  console.log(list(packed))
  for (const line of tryPacked(folder, { types: true })) console.log(line)
  const own = join(folder, packed.at(-1).filename)
  for (const { name, filename, files } of packed) {
    // `main` of a platform package names its binary. Packages for other machines contain one only in a release.
    const isWhole = name === packed.at(-1).name || files.some((path) => path.endsWith('.node'))
    if (isWhole) run('node_modules/.bin/publint', [join(folder, filename), '--strict'])
  }
  console.log('publint: no message')
  run('node_modules/.bin/attw', [own, ...ATTW])
  console.log('attw: no problem')
} finally {
  rmSync(folder, { recursive: true })
}
