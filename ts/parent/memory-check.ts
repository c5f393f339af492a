import { native } from '../native.js'
import { setImmediate } from '../node-internals/clock.js'
import { process } from '../node-internals/process.js'
import { settings } from '../options/settings.js'
import { fromFailure, QcloneError } from '../types/errors.js'
import { liveClones } from './clone-table.js'

/**
Age in milliseconds up to which memory is reserved for a clone. After that, the available memory reflects the clone's
use.
*/
const YOUNG_MS = 1000

/** Bytes of page tables that a fork copies per byte of the parent's memory: 8 per page. */
const TABLES = 8 / 4096

let isWarned = false

/** Warns once if the OOM killer would take this process along with a clone. */
function warnOfSharedFate(): void {
  isWarned = true
  const { group, service } = native().sharedFate() ?? {}
  const whose = group
    ? `memory.oom.group is 1 in ${group}: if the OOM killer kills a clone, it kills this process too. Set it to 0 (in Kubernetes with the kubelet's singleProcessOOMKill)`
    : service &&
      `systemd stops ${service} if the OOM killer kills a clone of it. Set OOMPolicy=continue in its unit`
  if (!whose) return
  const message = `${whose}, or limit clones with \`limits\` and \`configure({ memoryPerClone, maxClones })\``
  // Later: `emitWarning` queues a tick, which the clone about to be made would inherit.
  setImmediate(() => process.emitWarning(message, { type: 'QcloneWarning', code: 'QCLONE_SHARED_FATE' }))
}

/** Returns an error if less memory is available than is reserved for a clone, otherwise `undefined`. */
export function shortOfMemory(): QcloneError | undefined {
  const { memoryPerClone } = settings()
  if (memoryPerClone === 0) return undefined
  if (!isWarned) warnOfSharedFate()
  const { headroom, failure } = native().headroom()
  // Without numbers, as in a sandbox, there is no reason to refuse.
  if (!headroom) return failure && failure.kind !== 'proc' ? fromFailure(failure) : undefined
  const { available, own, cgroup, commitLeft, commitNeeded } = headroom
  if (commitLeft !== undefined && commitNeeded > commitLeft) {
    return refusal(
      `a fork commits ${mb(commitNeeded)} of memory, but only ${mb(commitLeft)} can be committed because vm.overcommit_memory is 2: set it to 0 or 1, or add swap`,
    )
  }
  const young = liveClones().filter(({ startedAt }) => startedAt > Date.now() - YOUNG_MS).length
  const needed = (young + 1) * (memoryPerClone + own * TABLES)
  if (needed <= available) return undefined
  const where = cgroup ? `within the limit of ${cgroup}` : 'on this machine'
  const others = young === 0 ? '' : ` and for ${young} more made in the last second`
  return refusal(
    `${mb(needed)} of memory are reserved for it${others}, but only ${mb(available)} are available ${where}: run fewer clones at once, or lower \`memoryPerClone\` with \`configure\``,
  )
}

function refusal(why: string): QcloneError {
  return new QcloneError('ERR_QCLONE_MEMORY', `no clone was made: ${why}`)
}

function mb(bytes: number): string {
  return `${Math.ceil(bytes / (1 << 20))} MB`
}
