import test from 'ava'
import { playScene, runFixture } from './helpers/fixture.js'

test('a reader that is killed fails its own clients, by a reset, and is replaced', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'killed under load'), {
    lost: 8,
    wrong: [],
    respawns: 1,
    'goes on': true,
    ends: ['reader 0', 'reader 0', 'reader SIGKILL'],
  })
})

test('half an answer of a reader that dies cannot be taken for the whole', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'half an answer'), {
    '/half 1.0': 'ECONNRESET',
    '/half 1.1': 'ECONNRESET',
    '/half%20of%20known%20length 1.1': 'ECONNRESET',
  })
})

test('a client whose request ends its reader is reset, even right after it was taken', async (t) => {
  const told = await playScene(t, 'readers-life', 'dies of a client that it has just taken')
  t.deepEqual(told, { client: 'ECONNRESET', respawns: 1 })
})

test('a reader that stands still is killed and replaced', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'stands still'), {
    client: 'ECONNRESET',
    others: true,
    ends: ['reader SIGKILL', 'reader 0'],
  })
})

test('a reader with a request that takes too long is replaced', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'takes too long'), {
    others: true,
    client: 'ECONNRESET',
    respawns: 1,
    ends: ['reader SIGKILL', 'reader 0'],
  })
})

test('requests whose client has left take no time, though others on their connection were before them', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'clients that leave'), { respawns: 0 })
})

test('a reader is replaced after enough requests, and fails none', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'enough requests'), {
    readers: true,
    generation: 1,
    ends: ['reader 0'],
  })
})

const grows = test.macro(async (t, env: NodeJS.ProcessEnv) => {
  t.deepEqual(await playScene(t, 'readers-life', 'enough memory', { env }), { 'not yet': 0, another: true })
})

test('a reader that takes much memory is replaced', grows, {})
test('a reader that takes much memory in huge pages is replaced', grows, {
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
})

test('readers that end before they serve are given up, and the parent serves', async (t) => {
  const told = await playScene(t, 'readers-life', 'stillborn', { noisy: true })
  const [warning, ...others] = told.warnings as string[]
  t.regex(
    `${warning}`,
    /^QcloneWarning QCLONE_READERS The last 5 readers .*: reader \d+ exited with status 3 before it served$/,
  )
  t.regex(`${told.ready}`, /^reader \d+ exited with status 3 before it served$/)
  t.deepEqual(others, [])
  delete told.warnings
  delete told.ready
  t.deepEqual(told, { meanwhile: false, 'no more are made': true, made: 5, 'in the parent': false })
})

test('readers that serve go on as long as those after them end before they serve', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'stillborn later'), {
    'the one before goes on': true,
    'goes on': [true, true],
  })
})

test('a generation is whole or is not', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'one of three is stillborn'), { generation: 2, serving: 3 })
})

test('where forks are refused, the generation before goes on, and others come later', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'forks refused'), {
    'goes on': true,
    errors: ['ERR_QCLONE_MEMORY'],
    later: true,
  })
})

test('a generation that somebody waits for is given up after five attempts, until it is asked for again', async (t) => {
  const told = await playScene(t, 'readers-life', 'forks refused for long')
  const attempts = told['asked for'] as number
  t.true(attempts > 5, `${attempts}`)
  delete told['asked for']
  t.deepEqual(told, {
    refresh: 'ERR_QCLONE_MEMORY',
    'goes on': true,
    deferred: true,
  })
})

test('where no reader is left and forks are refused, the parent serves', async (t) => {
  const told = await playScene(t, 'readers-life', 'no reader is left and forks are refused')
  const [byReader, attempts] = told['who comes later'] as [boolean, number]
  t.is(byReader, false)
  // An attempt may come meanwhile, but nobody waits for it.
  t.true(attempts <= 1, `${attempts}`)
  delete told['who comes later']
  t.deepEqual(told, { 'who waited': false, afterwards: true, 'after the next deaths': true })
})

test('a client for whom no reader is young enough keeps nobody waiting, and the parent serves it in the end', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'no reader is young enough and forks are refused'), {
    before: true,
    others: true,
    'in the end': false,
  })
})

test('where the last reader has crashed and forks are refused, the parent does not do what may have been the cause', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'the last reader has crashed and forks are refused'), {
    waits: ['', 1],
    afterwards: true,
  })
})

test('what a client of the parent has changed gets a generation, whatever `version` says', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'writes in the parent'), {
    'written to': false,
    'read from': [true, 0],
    written: false,
    read: 1,
  })
})

test('closed, readers finish what is under way, and the parent serves their clients', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'closed'), {
    'under way': true,
    readers: [0, 0],
    'the next': false,
    'new connections': false,
    'the idle one ends': 'in order',
    'no more': ['the readers were closed', 'updated'],
  })
})

test('a client that comes back to the parent may wait longer for an answer than it may be silent', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'closed with clients at rest'), {
    'by the parent': Array.from({ length: 8 }, () => false),
  })
})

test('readers end with their server', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'closed with the server'), {
    'under way': true,
    idle: 'in order',
    children: 0,
  })
})

test('unload gives the server back to the parent', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'unloaded'), { before: true, after: false })
})

test('readers end with a parent that is killed, also one that stands still', async (t) => {
  const { signal, stderr } = await runFixture('readers-life', 'the parent is killed')
  t.deepEqual([signal, stderr], ['SIGKILL', ''])
})

test('a signal to the whole process group ends no reader', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'a signal to all'), {
    'under way': true,
    'goes on': [true, []],
    ends: ['reader 0', 'reader 0'],
  })
})

test('inline, the parent serves, and nothing is forked', async (t) => {
  const told = await playScene(t, 'readers-life', 'inline', { env: { QCLONE: 'inline' } })
  t.like(told.stats, { generation: 0, swaps: 0, forwarded: 0, readers: [] })
  delete told.stats
  t.deepEqual(told, { served: [false, 0, 0, true], POST: 200, refresh: 0, update: 5, made: 0 })
})

test('connections that a stopped reader has not taken go to others', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'stopped before it takes'), {
    answered: true,
    ends: ['reader 0', 'reader 0', 'reader SIGKILL'],
  })
})

test('connections wait for a reader that may open no more, and nobody asks it all the time', async (t) => {
  const wrapper = ['prlimit', '--nofile=150:150']
  t.deepEqual(await playScene(t, 'readers-life', 'no descriptor left in a reader', { wrapper }), {
    'some find no room': true,
    'they wait': true,
    busy: true,
    'goes on': true,
  })
})

test('connections that the parent may not open when they come back are counted, and it warns once', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'no descriptor left in the parent', { noisy: true }), {
    'under way': true,
    afterwards: false,
    lost: 3,
    warnings: [
      'QCLONE_READERS Connections of readers were closed because this process has no file descriptor left',
    ],
  })
})

test('readers serve their clients while the parent stands still', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'a parent that stands still'), {
    'answers by readers': 50,
  })
})

test('readers leave no descriptor and no process behind, however they and their clients end', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'nothing is left'), { 'more descriptors': 0, children: 0 })
})

test('readers do not come after their parent for CPU time, unless they should', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'priority'), { 'by default': 0, 'as given': 19 })
})

test('only the parent makes generations and ends readers', async (t) => {
  const refused = 'ERR_QCLONE_READ_ONLY'
  t.deepEqual(await playScene(t, 'readers-life', 'in a reader'), {
    calls: [[refused, refused, refused], false, true],
    'goes on': true,
  })
})

test('connections are spread evenly', async (t) => {
  const evenly = [21, 21, 22]
  t.deepEqual(await playScene(t, 'readers-life', 'balance'), {
    'at first': evenly,
    'after swap 0': evenly,
    'after swap 1': evenly,
    'after swap 2': evenly,
    'as told': evenly,
  })
})

test('while many readers drain, the next generation waits for one to end, and says so once', async (t) => {
  t.deepEqual(await playScene(t, 'readers-life', 'many drain'), {
    'the one before goes on': true,
    'told about once': true,
  })
})
