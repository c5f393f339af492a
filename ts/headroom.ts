import { liveClones } from './children.js'
import { setImmediate } from './clock.js'
import { fromFailure, QcloneError } from './errors.js'
import { native } from './native.js'
import { process } from './node.js'
import { settings } from './settings.js'

/**
Within how many milliseconds of its fork a clone is reckoned to need memory still. What it has taken by then shows in
what there is.
*/
const YOUNG_MS = 1000

/** Bytes that a fork copies of the parent's page tables, for each byte of its memory: 8 for each page. */
const TABLES = 8 / 4096

let isWarned = false

/** Warns, once, where a clone that the OOM killer ends takes this process with it. */
function warnOfSharedFate(): void {
  isWarned = true
  const { group, service } = native().sharedFate() ?? {}
  const whose = group
    ? `memory.oom.group is 1 in ${group}: where the kernel ends a clone for want of memory, it ends this process too. Set it to 0 (in Kubernetes by the kubelet's singleProcessOOMKill)`
    : service &&
      `systemd stops ${service} when the kernel ends a clone of it for want of memory. Set OOMPolicy=continue in its unit`
  if (!whose) return
  const message = `${whose}, or bound clones by \`limits\` and \`configure({ memory, maxClones })\``
  // Not now: it would be emitted in a tick, which the clone that is about to be made has, too.
  setImmediate(() => process.emitWarning(message, { type: 'QcloneWarning', code: 'QCLONE_SHARED_FATE' }))
}

/** Why a clone might not find the memory that it may come to need; undefined when it will. */
export function shortOfMemory(): QcloneError | undefined {
  const { memory } = settings()
  if (memory === 0) return undefined
  if (!isWarned) warnOfSharedFate()
  const { headroom, failure } = native().headroom()
  // Where the system does not tell, as in a sandbox, there is nothing to refuse by.
  if (!headroom) return failure && failure.kind !== 'proc' ? fromFailure(failure) : undefined
  const { available, own, cgroup, commitLeft, commitNeeded } = headroom
  if (commitLeft !== undefined && commitNeeded > commitLeft) {
    return refusal(
      `a fork commits ${mb(commitNeeded)} of memory, and the system, which is set not to overcommit, has ${mb(commitLeft)} left: set vm.overcommit_memory to 0 or 1, or add swap`,
    )
  }
  const young = liveClones().filter(({ startedAt }) => startedAt > Date.now() - YOUNG_MS).length
  const needed = (young + 1) * (memory + own * TABLES)
  if (needed <= available) return undefined
  const whose = cgroup ? `of the limit of ${cgroup}` : 'of the machine'
  const whom = young === 0 ? 'it is' : `it and ${young} that have just been made are`
  return refusal(
    `${whom} reckoned to need ${mb(needed)} of memory, and ${mb(available)} ${whose} are left: let fewer clones live at once, or change what is reckoned by \`configure({ memory })\``,
  )
}

function refusal(why: string): QcloneError {
  return new QcloneError('ERR_QCLONE_MEMORY', `no clone was made: ${why}`)
}

function mb(bytes: number): string {
  return `${Math.ceil(bytes / (1 << 20))} MB`
}
