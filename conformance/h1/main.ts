import { dirname, join } from 'node:path'
import type { Tally } from '../../harness/apps/main.js'
import { findCommand } from '../../harness/clients/command.js'
import { pythonWith } from '../../harness/clients/python.js'
import { startServer } from '../../harness/clients/server.js'
import { printTable } from '../../harness/table.js'
import { compareFindings, type Row } from './compare.js'
import { readOptions, type ToolName } from './options.js'
import { redbot } from './redbot.js'
import { requests } from './requests.js'
import { slow } from './slow.js'
import { strictClient } from './strict-client.js'
import type { Finding, Tool } from './tool.js'

const options = readOptions()
// Ends through `process.exit()`, so that everything that still runs is killed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}

/** Findings of all tools on one server, and the server's own figures. */
interface Side {
  readonly findings: ReadonlyMap<string, readonly Finding[]>
  readonly tally: Tally
  /** How the server ended. */
  readonly ending: string
}

async function main(): Promise<boolean> {
  const tools = findTools()
  const first = await testAll(tools, 'plain')
  const second = await testAll(tools, options.second)
  const rows = tools.flatMap(({ name }) =>
    compareFindings(name, first.findings.get(name) ?? [], second.findings.get(name) ?? []),
  )
  const different = rows.filter(({ difference }) => difference.length > 0)
  const { clones, refused, alive } = second.tally
  const met = {
    same: rows.length > 0 && different.length === 0,
    // Otherwise nothing was compared.
    clones: options.second !== 'clones' || (clones > 0 && Object.keys(refused).length === 0),
    servers: first.ending === 'status 0' && second.ending === 'status 0' && alive === 0,
  }
  const figures = { tests: rows.length, different: different.length, clones, refused, alive }
  if (options.json) {
    console.log(JSON.stringify({ node: process.version, second: options.second, met, ...figures, rows }))
  } else {
    printTable(rows.map(shown))
    for (const row of different) process.stdout.write(inWords(row))
    console.log(
      `\nNode ${process.version}, plain and ${options.second}: ${JSON.stringify({ met, ...figures })}`,
    )
  }
  return Object.values(met).every(Boolean)
}

function findTools(): Tool[] {
  const python = pythonWith('h1')
  if (python === undefined) throw new Error('Missing: python3')
  const bin = dirname(python)
  const command = findCommand('slowhttptest')
  if (command === undefined && options.tools.includes('slow')) {
    throw new Error('Missing: slowhttptest. Run scripts/install-clients.sh slowhttptest')
  }
  const known: Record<ToolName, () => Tool> = {
    redbot: () => redbot(bin),
    h11: () => strictClient(bin),
    requests: () => requests(join(dirname(bin), 'sources')),
    slow: () => slow(command ?? ''),
  }
  return options.tools.map((name) => known[name]())
}

async function testAll(tools: readonly Tool[], which: 'plain' | 'clones' | 'wrong'): Promise<Side> {
  const server = await startServer('h1', { clone: which === 'clones', wrong: which === 'wrong' })
  try {
    const findings = new Map<string, readonly Finding[]>()
    for (const tool of tools) findings.set(tool.name, await tool.test(server))
    const tally = await server.tally()
    const { ending } = await server.end()
    return { findings, tally, ending }
  } finally {
    await server.end()
  }
}

function shown({ tool, test, plain, second, difference }: Row) {
  const name = options.second === 'plain' ? 'again' : options.second
  return { tool, test, plain, [name]: second, '': difference.length > 0 ? 'DIFFERENT' : '' }
}

function inWords({ tool, test, difference }: Row): string {
  return `\n${tool}, ${test}:\n${difference.map((line) => `    ${line}\n`).join('')}`
}
