import test from 'ava'
import { playScene } from './helpers/fixture.js'

const FIXTURE = 'readers-per-connection'

test('each connection that asks has a reader to itself, which leaves with it', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'a reader each'), {
    'before they ask': 0,
    'by readers': true,
    processes: 3,
    generations: [1, 2, 3],
    stays: true,
    stats: { generation: 3, resting: 0, waiting: 0, swaps: 3 },
    left: 0,
  })
})

test('after maxAge a connection rests without a reader, and its next one is forked when it asks', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'max age'), {
    'by readers': true,
    'never back': true,
    several: true,
    late: [],
  })
})

test('a reader stays as long as nothing has changed', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'unchanged'), {
    'the same': true,
    another: true,
    forwarded: false,
    'has seen it': 1,
  })
})

test('after refresh and update, each answer is a newer one', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'refresh and update'), {
    old: [],
    afterwards: 'ERR_QCLONE_ABORTED',
  })
  t.deepEqual(await playScene(t, FIXTURE, 'refresh while readers are made'), { old: [] })
  t.deepEqual(await playScene(t, FIXTURE, 'update within maxAge'), { seen: [1, true] })
})

test('however often there are updates, clients are answered', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'updates all the time'), { answered: true })
})

test('half a message needs a reader only when more of it comes', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'half a message'), { readers: 1, 'the whole': 2, 'it stays': 2 })
})

test('a client that asks in time is answered, however long the fork takes', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'asked in time'), { answered: true })
})

test('who has asked before the server is closed is answered', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'asked before the end'), { answered: true, closes: 1 })
})

test('after a request that took longer than maxAge, the next one goes to another reader', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'asked after a slow one'), {
    'by another, true': [true, true],
    'by another, false': [true, true],
  })
})

test('close can end readers sooner that retire already', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'ended sooner'), {
    'closed, true': 'ECONNRESET',
    'closed, false': 'ECONNRESET',
  })
})

test('a slow request keeps no other client waiting', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'a slow client'), { meanwhile: '', 'in the end': true })
})

test('many connections move all the time, and lose nothing', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'many at once'), { wrong: [], lost: 0 })
})

test('1,020 connections are taken, or as many as the server says', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'too many'), {
    'kdb+ takes as many': 0,
    dropped: ['number'],
    answered: true,
    'as the server says': ['number'],
  })
})

test('a reader that dies takes its own client with it', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'a reader dies'), {
    doomed: 'ECONNRESET',
    'the other': true,
    'the next': true,
    signal: 'SIGKILL',
  })
})

test('the parent serves those for whom there can be no reader', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'no fork'), {
    'by the parent': false,
    refused: ['ERR_QCLONE_MEMORY'],
  })
})

test('a silent client is closed without a reader', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'a silent client'), {
    closed: 'in order',
    'closed at rest': 'in order',
    'nothing is left': 0,
  })
})

test('closed readers give all connections to the parent', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'close'), { 'by the parent': [false, false, false] })
})

test('clients of a codec move between and within their messages, and read their own writes', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'a codec'), { 'by a reader': true, 'its own writes': [], cut: [] })
})

test('a client of kdb+ logs in once', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'kdb+'), { 'logged in once, by readers': [5, false] })
})

test('clients by TLS have a reader each', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'tls'), { 'by readers': [true, true], processes: 2 })
})

test('what would be forwarded is refused where it is to be', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'read-only'), { 'read-only': 405 })
})

test('no descriptor is left', async (t) => {
  t.deepEqual(await playScene(t, FIXTURE, 'leaks'), { descriptors: 0 })
})
