import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import test from 'ava'
import { playScene } from './helpers/fixture.js'
import type { Described } from './helpers/scene.js'

const WORKS = [7, 'value']
const MANY_DESCRIPTORS_USED = ['prlimit', '--nofile=400']

/** A user that no other test file runs as; root is above the limit on processes. */
const someone = process.getuid?.() === 0 ? 20_000 + (process.pid % 20_000) : undefined

/** Whether every folder above a file lets other users through. */
function isOpenToOthers(file: string): boolean {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false
    if (folder === dirname(folder)) return true
  }
}

test('at the limit on processes a clone is refused with EAGAIN, and the parent left intact', async (t) => {
  if (someone !== undefined && ![process.execPath, import.meta.filename].every(isOpenToOthers)) {
    t.log('not shown: this checkout or this node is open to root alone, and root is above the limit')
    t.pass()
    return
  }
  const told = await playScene(t, 'limits', 'processes', { uid: someone })
  for (const failure of [told.spawn, told.run] as Described[]) {
    t.like(failure, { name: 'QcloneError', code: 'ERR_QCLONE_FORK', errno: 'EAGAIN' })
    t.regex(failure.message, /fork\(2\).*RLIMIT_NPROC/)
  }
  t.deepEqual(told.check, { ok: true })
  t.like(told, { clones: [], leaked: 0, before: WORKS, afterwards: WORKS })
})

const full = test.macro({
  title: (_, when: string) =>
    `with all descriptors in use a clone is refused, and works when some are free: ${when}`,
  async exec(t, when: string, failure: object) {
    const told = await playScene(t, 'limits', 'descriptors', { args: [when], wrapper: MANY_DESCRIPTORS_USED })
    for (const { message, ...error } of [told.spawn, told.run] as Described[]) t.like(error, failure, message)
    t.like(told, { clones: [], leaked: 0, afterwards: WORKS })
  },
})

test(full, 'after others', { code: 'ERR_QCLONE_FORK', errno: 'EMFILE' })
// Then not even the native part can be loaded.
test(full, 'first use', { code: 'ERR_QCLONE_UNSUPPORTED' })

test('with few descriptors left a clone works or is refused with EMFILE, and nothing between', async (t) => {
  const told = await playScene(t, 'limits', 'few descriptors left', { wrapper: MANY_DESCRIPTORS_USED })
  t.deepEqual(told, { before: WORKS, outcomes: ['7', 'ERR_QCLONE_FORK EMFILE', 'value'], afterwards: WORKS })
})

test('a descriptor above the limit on descriptors does no harm', async (t) => {
  const wrapper = ['bash', '-c', 'exec 150</etc/passwd; ulimit -n 100; exec "$@"', 'bash']
  t.deepEqual(await playScene(t, 'limits', 'a descriptor above the limit', { wrapper }), { works: WORKS })
})

const unprivileged = test.macro({
  title: (_, when: string) =>
    `a process that has changed its user is refused, since its /proc is root's: ${when}`,
  async exec(t, when: string) {
    if (someone === undefined) {
      t.log('skipped: only root can change its user')
      t.pass()
      return
    }
    const told = await playScene(t, 'limits', 'after process.setuid', { args: [String(someone), when] })
    for (const { message, ...error } of [told.spawn, told.run] as Described[]) {
      t.like(error, { code: 'ERR_QCLONE_PROC_UNREADABLE' }, message)
    }
  },
})

test(unprivileged, 'after clones')
test(unprivileged, 'first use')
