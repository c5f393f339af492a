import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { runScript } from './helpers/fixture.js'

// From build/__test__, where this runs.
const SOURCES = new URL('../../ts/', import.meta.url)
const SCRIPTS = new URL('examples/', import.meta.url)
const BLOCK = /@example\s*```(?:js|ts)\n(.*?)```/gs
/** A line that prints, and what the comment behind it says it prints. */
const PRINTS = /console\.log\(.*\) \/\/ (.+)$/gm

interface Example {
  /** The source file and the position in it. */
  name: string
  code: string
}

/** The examples in the doc comments of `ts`. */
function examples(): Example[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  return files.sort().flatMap((file) => {
    const text = readFileSync(new URL(file, SOURCES), 'utf8')
    return [...text.matchAll(BLOCK)].map(([, code = ''], index) => ({ name: `${file} ${index + 1}`, code }))
  })
}

/** Whether Node has `await using`: from 24. */
const HAS_USING = Number(process.versions.node.split('.')[0]) >= 24

mkdirSync(SCRIPTS, { recursive: true })
for (const { name, code } of examples()) {
  const runs = HAS_USING || !code.includes('await using')
  const testIt = runs ? test : test.skip
  testIt(`the example in ${name} runs, and prints what it says`, async (t) => {
    const script = `${name.replaceAll(/\W+/g, '-')}.mjs`
    writeFileSync(new URL(script, SCRIPTS), code)
    const { code: status, signal, stdout, stderr } = await runScript(`../examples/${script}`)
    t.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
    if (!code.includes('console.error')) t.is(stderr, '')
    for (const [, printed = ''] of code.matchAll(PRINTS))
      t.true(stdout.includes(printed), `${printed}\n${stdout}`)
  })
}
