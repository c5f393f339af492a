import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('a clone that does not become ready is killed, and its task begun again, once', async (t) => {
  t.deepEqual(await playScene(t, 'faults', 'not ready'), {
    stopped: ['ERR_QCLONE_START_FAILED', 'SIGKILL'],
    made: 2,
    crashed: ['ERR_QCLONE_START_FAILED', 'SIGSEGV'],
    'the second time': ['value', 2],
    'with its input': 'input',
    wished: ['ERR_QCLONE_DIED', 'SIGTERM', 1],
    afterwards: 'works',
  })
})

test('a clone that is ready is not killed because its parent stood still', async (t) => {
  t.deepEqual(await playScene(t, 'faults', 'a parent that stands still'), { value: ['value', 1] })
})

test('a clone that runs out of address space fails, and its parent goes on', async (t) => {
  const told = await playScene(t, 'faults', 'out of address space', { noisy: true })
  t.is(told.enough, 'value')
  t.regex(
    told['too little'] as string,
    /allocation failed|allocate memory|SIGABRT|SIGTRAP|exited with status/,
  )
  t.is(told.afterwards, 'works')
})

test('the system takes a clone for want of memory, not its parent', async (t) => {
  const group = groupOf(300 << 20)
  if (!group) {
    t.log('not shown: no control group can be made here')
    t.pass()
    return
  }
  try {
    const told = await playScene(t, 'faults', 'out of memory of a group', { args: [group], noisy: true })
    t.deepEqual(told, {
      clone: ['ERR_QCLONE_DIED', 'SIGKILL'],
      two: [['ERR_QCLONE_DIED', 'SIGKILL'], 'small'],
      ballast: 1,
      afterwards: 'works',
    })
  } finally {
    rmdirSync(group)
  }
})

test('a fork that the system would not commit to is refused, by the system at the latest', async (t) => {
  const told = await playScene(t, 'faults', 'what the system does not commit to')
  if (told.mode === '1') return t.log('not shown: this system overcommits whatever it is asked for')
  const [code, errno] = told.refused as [string, string]
  t.true(code === 'ERR_QCLONE_FORK' ? errno === 'ENOMEM' : code === 'ERR_QCLONE_MEMORY', `${code} ${errno}`)
})

test('a clone without a free descriptor answers', async (t) => {
  t.deepEqual(
    await playScene(t, 'faults', 'a clone without descriptors', { wrapper: ['prlimit', '--nofile=200'] }),
    {
      answer: ['EMFILE', 2],
      afterwards: 'works',
    },
  )
})

test('a clone, and what it starts, is taken first for want of memory', async (t) => {
  const told = await playScene(t, 'faults', 'who is taken first')
  t.deepEqual(told, {
    parent: told.parent,
    clone: 1000,
    'command of the clone': 1000,
    'command of the parent': told.parent,
    spawn: 0,
  })
})

/** A new control group with a limit of memory; undefined where none can be made. */
function groupOf(bytes: number): string | undefined {
  const own = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1]
  const second = '/sys/fs/cgroup/cgroup.controllers'
  const [parent, limit, swap] = own
    ? ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
    : ['/sys/fs/cgroup', 'memory.max', 'memory.swap.max']
  if (!own && !existsSync(second)) return undefined
  const group = `${parent}/qclone-${process.pid}`
  try {
    mkdirSync(group)
  } catch {
    return undefined
  }
  try {
    writeFileSync(`${group}/${limit}`, String(bytes))
    if (existsSync(`${group}/${swap}`)) writeFileSync(`${group}/${swap}`, own ? String(bytes) : '0')
    return group
  } catch {
    rmdirSync(group)
    return undefined
  }
}
