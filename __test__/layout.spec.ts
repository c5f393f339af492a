import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

// From build/__test__, where this runs.
const CONFIG = fileURLToPath(new URL('../../biome.json', import.meta.url))
const BIOME = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')

type Files = Record<string, string>

/** What the linter, as configured for this project, finds in a project of `files`: the rules that each file breaks. */
async function lint(files: Files): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-layout-'))
  try {
    cpSync(CONFIG, join(folder, 'biome.json'))
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    const args = [BIOME, 'lint', '--colors=off', '--max-diagnostics=none', '.']
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, args, { cwd: folder }, (_, stdout, stderr) => resolve(stdout + stderr))
    })
    const found = output.matchAll(/^(\S+?):\d+:\d+ lint\/\w+\/(\w+) /gm)
    return Object.fromEntries([...found].map(([, file, rule]) => [file, rule]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Imports that go upwards, or past `harness`. */
const UPWARDS: ReadonlyArray<[folder: string, to: string]> = [
  ['ts/types', '../options/b.js'],
  ['ts/types', '../native.js'],
  ['ts/copies', '../options/b.js'],
  ['ts/node-internals', '../in-clone/b.js'],
  ['ts/options', '../observe/b.js'],
  ['ts/observe', '../in-clone/b.js'],
  ['ts/in-clone', '../parent/b.js'],
  ['ts/transport', '../parent/b.js'],
  ['ts/codecs/kdb', '../../servers/net/b.js'],
  ['ts/parent', '../tasks/b.js'],
  ['ts/tasks/inline', '../../servers/b.js'],
  ['ts/servers/http', '../../tasks/b.js'],
  ['__test__', '../soak/b.js'],
  ['bench', '../__test__/helpers/b.js'],
  ['harness', '../bench/b.js'],
]

test('imports that go upwards fail, of types alone, too', async (t) => {
  const files: Files = {}
  for (const [index, [folder, to]] of UPWARDS.entries()) {
    files[`${folder}/value-${index}.ts`] = `import { a } from '${to}'\nexport const b = a\n`
    files[`${folder}/type-${index}.ts`] = `import type { A } from '${to}'\nexport type B = A\n`
  }
  const expected = Object.fromEntries(Object.keys(files).map((file) => [file, 'noRestrictedImports']))
  t.deepEqual(await lint(files), expected)
})

test('imports that go downwards pass', async (t) => {
  const files = {
    'ts/tasks/a.ts': "import { b } from '../parent/b.js'\nexport const a = b\n",
    'ts/parent/b.ts': "import type { C } from '../types/c.js'\nexport const b: C = 1\n",
    'ts/types/c.ts': 'export type C = number\n',
    'soak/a.ts': "import { b } from '../harness/b.js'\nexport const a = b\n",
    'harness/b.ts': 'export const b = 1\n',
  }
  t.deepEqual(await lint(files), {})
})

test('cycles fail, of types alone, too', async (t) => {
  const files = {
    'ts/types/a.ts': "import type { B } from './b.js'\nexport type A = B | 1\n",
    'ts/types/b.ts': "import type { A } from './a.js'\nexport type B = A[]\n",
    'ts/types/c.ts': "import { d } from './d.js'\nexport const c = () => d\n",
    'ts/types/d.ts': "import { c } from './c.js'\nexport const d = () => c\n",
  }
  const expected = Object.fromEntries(Object.keys(files).map((file) => [file, 'noImportCycles']))
  t.deepEqual(await lint(files), expected)
})

test('nothing imports node:process, which opens the standard streams to read its exports', (t) => {
  const folder = fileURLToPath(new URL('../../ts/', import.meta.url))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  const guilty = files.filter((file) =>
    /from '(node:)?process'/.test(readFileSync(join(folder, file), 'utf8')),
  )
  t.true(files.length > 100)
  t.deepEqual(guilty, [])
})
