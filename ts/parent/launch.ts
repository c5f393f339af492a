import { leave, STATUS_OF_ERROR } from '../in-clone/exit.js'
import { forkTime } from '../in-clone/fork-time.js'
import { calledInClones } from '../in-clone/precompile.js'
import { onSilentWrite } from '../in-clone/silent-connections.js'
import { enterTask, inTask } from '../in-clone/task-name.js'
import { native } from '../native.js'
import { clearTimeout, setImmediate, setTimeout, uptimeMs } from '../node-internals/clock.js'
import { sign } from '../observe/diagnostics.js'
import { handlers } from '../observe/handlers.js'
import type { CloneOptions, DetachableOptions } from '../options/clone-options.js'
import { settings } from '../options/settings.js'
import { Channel } from '../transport/channel.js'
import { type Frame, frame, KIND, waitsFrame } from '../transport/frames.js'
import type { Callable } from '../types/callable.js'
import { type Clone, type CloneKind, isServing } from '../types/clone.js'
import { fromFailure, isQcloneError, QcloneError, typed } from '../types/errors.js'
import { explained, inWords, type WaitStatus } from '../types/wait-status.js'
import { type Places, type Started, stopSignal, turnedAway } from './admission.js'
import { Guard } from './deadline.js'
import { forkAtTurnEnd, refused } from './fork-point.js'
import type { Visitor } from './pacing.js'
import { expectInternals } from './readiness.js'
import { openStdio, type Stdio } from './stdio.js'
import { discard } from './terminate.js'
import { waitingInWords } from './waited-on.js'

/** Task that needs a clone whose event loop continues. */
export interface Task {
  places: Places
  kind: CloneKind
  name: string
  options: DetachableOptions
  /** Client to be served. */
  client?: Visitor
  /** Condition to wait for before taking a place. */
  hindrance?: Hindrance
  stdio: Stdio
  /** Kind of link: only the clone sends (large values through a file in memory), or both do. */
  link: 'pipe' | 'pipe and file' | 'socket'
  /** Called in this process after each fork for the task, before the clone is ready. */
  onForked?: () => void
  /** Called in the clone once it is set up. */
  inClone: (ends: Ends) => void
  /** Functions that `inClone` calls first, compiled in the parent. */
  calls: readonly Callable[]
}

/** Condition that a fork waits for without taking a place, since it can last as long as a client likes. */
export interface Hindrance {
  /** Whether it prevents the fork now. */
  isThere: () => boolean
  /** Waits until it is gone, or one of the signals is aborted. Returns the reason if no fork is possible. */
  untilGone: (signals: readonly AbortSignal[]) => Promise<QcloneError | undefined>
}

/** The clone's ends of the link to its parent. */
export interface Ends {
  /** Descriptor to write frames to and, if the link is a socket, to read them from. */
  fd: number
  /** File in memory for large values, if there is one. */
  file: number | undefined
}

/** Clone that is about to call its function. */
export interface Launched {
  clone: Clone
  /** Channel to the clone, paused. */
  channel: Channel
  /** Descriptor of the file in memory for large values. The holder closes it. */
  file: number | undefined
  guard: Guard
  /** Time right before its fork, by `uptimeMs`. */
  forkedAt: number
}

/**
Opens the resources a task needs before it waits for its turn: its standard streams, and anything that `open` opens.

@throws {QcloneError} if something cannot be opened; `handlers.forkFailed` has been called.
*/
export function prepare(
  task: Pick<Task, 'kind' | 'name'>,
  options: CloneOptions,
  open: () => void = () => {},
): Stdio {
  try {
    expectInternals()
    open()
    return openStdio(options)
  } catch (error) {
    throw refused(typed(error), task)
  }
}

/** Maximum number of clones made for a task that has not started. */
const ATTEMPTS = 2

/**
Makes a clone for a task, once it is the task's turn and the threads are idle, and waits until the clone is ready.

@throws {QcloneError} if no clone can be made, or if two clones did not become ready.
*/
export async function launch(task: Task): Promise<Launched> {
  // Errors behind a client's answer are reported along with the client's task.
  const named = isServing(task.kind) ? undefined : task
  const guard = new Guard(task.options, named)
  const stop = stopSignal()
  const whyOff = () => {
    if (guard.triggered) return guard.error()
    return stop.aborted ? turnedAway() : undefined
  }
  const turn = { whyOff, signals: [stop, task.options.signal].filter((signal) => signal !== undefined) }
  try {
    for (let attempt = 1; ; attempt++) {
      const launched = await attemptLaunch(task, guard, turn)
      if ('channel' in launched) {
        task.stdio.endWith(launched.clone.exited)
        return launched
      }
      if (guard.triggered) throw guard.error(launched)
      if (isWished(launched) || stop.aborted) throw died(launched)
      if (attempt === ATTEMPTS) throw startFailed(launched)
    }
  } catch (error) {
    guard.release()
    task.stdio.discard()
    throw named && isQcloneError(error) ? inTask(error, named) : error
  } finally {
    task.stdio.letGo()
  }
}

/** Conditions that can end a task before its fork. */
interface Turn {
  /** Returns the reason if the fork is no longer wanted. */
  whyOff: () => QcloneError | undefined
  /** Signals that can make the fork unwanted. */
  signals: readonly AbortSignal[]
}

/** Makes one clone. Returns it once it is ready, or its wait status if it ended first. */
async function attemptLaunch(task: Task, guard: Guard, turn: Turn): Promise<Launched | WaitStatus> {
  if (task.hindrance?.isThere()) await untilUnhindered(task, task.hindrance, turn)
  if (guard.triggered) throw guard.error()
  const started = await placeFor(task)
  if (!started) throw guard.error()
  let forked: Unheard
  try {
    forked = await forkFor(task, turn.whyOff)
  } catch (error) {
    started()
    task.places.giveBack()
    throw isQcloneError(error) ? error : refused(typed(error), task)
  }
  const { clone, file, forkedAt } = forked
  task.onForked?.()
  const channel = openChannel(task, forked, started)
  guard.watch(clone, channel)
  const end = () => channel.otherSideHasEnded()
  guard.exited.then(end, end)
  const ready = await isReady(clone, channel)
  started()
  if (ready) return { clone, channel, file, guard, forkedAt }
  closeFile(file)
  return guard.exited
}

/** @throws {QcloneError} if the task ended in the meantime, or no fork is possible. */
async function untilUnhindered(task: Task, hindrance: Hindrance, { whyOff, signals }: Turn): Promise<void> {
  const refusal = await hindrance.untilGone(signals)
  const off = whyOff()
  if (off) throw off
  if (refusal) throw refused(refusal, task)
}

/** Waits for a place. Returns undefined if the task was aborted first. */
async function placeFor(task: Task): Promise<Started | undefined> {
  const { places, kind, name, client, options } = task
  const queued = (waiting: number) => sign('qclone:queued', { kind, name, waiting })
  try {
    return await places.take({ client, signal: options.signal, queued })
  } catch (error) {
    throw (error as QcloneError).code === 'ERR_QCLONE_QUEUE_FULL'
      ? refused(error as QcloneError, task)
      : error
  }
}

/** Forked clone without a channel yet. */
interface Unheard extends Pick<Launched, 'clone' | 'file' | 'forkedAt'> {
  /** The parent's end of the link. */
  own: number
}

/** Opens the channel to a clone. @throws {QcloneError} if it cannot be opened; the clone is then killed. */
function openChannel(task: Task, { clone, own, file }: Unheard, started: Started): Channel {
  try {
    return new Channel(own, {
      writable: task.link === 'socket',
      maxBytes: sendsValues(task.kind) ? settings().maxAnswerBytes : SERVING_BYTES,
      onFault: () => discard(clone),
    })
  } catch (error) {
    started()
    discard(clone)
    native().closePipeEnd(own)
    closeFile(file)
    throw refused(typed(error), task)
  }
}

function forkFor(task: Task, whyOff: () => QcloneError | undefined): Promise<Unheard> {
  return new Promise((resolve, reject) => {
    const ends = openEnds(task)
    const close = () => {
      native().closePipeEnd(ends.own)
      native().closePipeEnd(ends.forClone)
      closeFile(ends.file)
    }
    forkAtTurnEnd(
      {
        ...task,
        ends: ends.file === undefined ? [ends.forClone] : [ends.forClone, ends.file],
        calls: [task.inClone, ...task.calls],
      },
      {
        whyOff,
        refuse: (error) => {
          close()
          reject(error)
        },
        begin: (clone) => {
          if (!clone) {
            native().closePipeEnd(ends.own)
            return beginInClone(task, { fd: ends.forClone, file: ends.file })
          }
          native().closePipeEnd(ends.forClone)
          resolve({ clone, own: ends.own, file: ends.file, forkedAt: forkTime() })
        },
      },
    )
  })
}

/** Returns whether a clone sends its parent more than reports on one client. Readers send updates. */
function sendsValues(kind: CloneKind): boolean {
  return !isServing(kind) || kind === 'reader'
}

/** Calls the handlers for a clone without a client. Servers, which know the client, call the other handlers. */
function tellInClone(kind: CloneKind): void {
  if (!isServing(kind)) handlers.inSpawn.call(kind)
}

function beginInClone(task: Task, ends: Ends): void {
  const { kind, inClone } = task
  enterTask(task)
  tellInClone(kind)
  reportReady(ends.fd)
  onSilentWrite(tellWaits.bind(undefined, ends.fd))
  inClone(ends)
}

/** Exits silently if the parent no longer waits for this clone. */
function reportReady(fd: number): void {
  try {
    native().writeAll(fd, READY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
    leave(STATUS_OF_ERROR)
  }
}

function tellWaits(fd: number, peer: string): void {
  try {
    native().writeAll(fd, waitsFrame(peer))
  } catch {
    // The parent has closed its end: it has received everything it waited for.
  }
}

const READY = frame(KIND.ready)

/** Opens the link between clone and parent. */
function openEnds(task: Task): { own: number; forClone: number; file: number | undefined } {
  const { ends, failure } = task.link === 'socket' ? native().openSocketPair() : native().openPipe()
  if (failure) throw refused(fromFailure(failure), task)
  const [own, forClone] = ends as [number, number]
  const { fd, failure: noFile } = task.link === 'pipe and file' ? native().openMemoryFile() : {}
  if (noFile && OUT_OF_DESCRIPTORS.includes(noFile.errno ?? '')) {
    for (const end of [own, forClone]) native().closePipeEnd(end)
    throw refused(fromFailure(noFile), task)
  }
  // On a system without such files, everything goes through the pipe.
  return { own, forClone, file: fd }
}

const OUT_OF_DESCRIPTORS = ['EMFILE', 'ENFILE']

export function closeFile(file: number | undefined): void {
  if (file !== undefined) native().closePipeEnd(file)
}

/** Maximum size of a message from a clone that serves a client: such a clone sends at most the head of a response. */
const SERVING_BYTES = 1 << 20

/**
Waits until a clone has ended.

@param what The step it should have reached, such as "it answered".
@param isInOrder Returns whether the status is a regular end.
@returns the error if the task was aborted, timed out, or died before `what`; `undefined` after a regular end.
*/
export async function failureAtEnd(
  what: string,
  launched: Launched,
  isInOrder: (status: WaitStatus) => boolean = () => false,
): Promise<QcloneError | undefined> {
  const { guard } = launched
  const status = await guard.exited
  if (isInOrder(status)) return undefined
  return guard.triggered ? guard.error(status) : diedBefore(what, launched, status)
}

function diedBefore(what: string, { clone, channel: { fault, waitsOn } }: Launched, status: WaitStatus) {
  const how = fault
    ? `${inWords(status)} before ${what}, because ${fault.message}`
    : `${explained(status)} before ${what}`
  const details = { status, ...(fault && { cause: fault }) }
  const message = `clone ${clone.pid} ${how}${waitingInWords(waitsOn)}`
  const error = new QcloneError('ERR_QCLONE_DIED', message, details)
  return isServing(clone.kind) ? error : inTask(error, clone)
}

/** Waits until the clone is ready, and leaves the channel paused. Resolves to `false` if it never becomes ready. */
function isReady(clone: Clone, channel: Channel): Promise<boolean> {
  const { kind, name, pid } = clone
  const begun = uptimeMs()
  return new Promise((resolve) => {
    const settle = (ready: boolean) => {
      clearTimeout(timer)
      channel.off('frame', onFrame)
      channel.off('close', onClose)
      const ms = uptimeMs() - begun
      if (ready) {
        sign('qclone:ready', { kind, name, pid, ms })
      } else {
        clone.exited.then(
          (status) => sign('qclone:unready', { kind, name, pid, ms, status }),
          () => {},
        )
      }
      resolve(ready)
    }
    const onFrame = ({ kind }: Frame) => {
      channel.pause()
      if (kind !== KIND.ready) discard(clone)
      settle(kind === KIND.ready)
    }
    const onClose = () => settle(false)
    channel.on('frame', onFrame)
    channel.on('close', onClose)
    const timer = setTimeout(() => {
      // After a long turn, timers fire before the parent has read messages that its clones sent in time.
      setImmediate(() => {
        if (channel.listeners('frame').includes(onFrame)) discard(clone)
      })
    }, settings().readyTimeout).unref()
  })
}

/** Returns whether someone terminated the clone on purpose: then no other clone is made for the task. */
function isWished({ signal = '' }: WaitStatus): boolean {
  return ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'].includes(signal)
}

function died(status: WaitStatus): QcloneError {
  const message = `clone ${status.pid} ${inWords(status)} before it called the function`
  return new QcloneError('ERR_QCLONE_DIED', message, { status })
}

function startFailed(status: WaitStatus): QcloneError {
  const late =
    status.signal === 'SIGKILL'
      ? `, or, if it took longer than ${settings().readyTimeout} ms, raise \`readyTimeout\` with \`configure\``
      : ''
  const message = `${ATTEMPTS} clones ended before they called the function; the last one ${inWords(status)}: see its stderr${late}`
  return new QcloneError('ERR_QCLONE_START_FAILED', message, { status })
}

calledInClones(beginInClone, tellInClone, reportReady, tellWaits, isServing)
