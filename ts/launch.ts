import { leavePlace, takePlace, untilStopped } from './admission.js'
import { Channel } from './channel.js'
import { type Clone, type EventType, isServing } from './children.js'
import { clearTimeout, setImmediate, setTimeout, uptimeMs } from './clock.js'
import { type Callable, calledInClones } from './clone-context/ahead.js'
import { onSilentWrite } from './clone-context/connections.js'
import { findInternals } from './clone-context/enter.js'
import { fromFailure, QcloneError, typed } from './errors.js'
import { forkAtTurnEnd, refused } from './fork-point.js'
import { type Frame, frame, KIND, waitsFrame } from './frames.js'
import { discard, Guard } from './guard.js'
import { handlers } from './handlers.js'
import { native } from './native.js'
import type { CloneOptions, DetachableOptions } from './options.js'
import { settings } from './settings.js'
import { sign } from './signs.js'
import { openStdio, type Stdio } from './stdio.js'
import { enterTask, inTask } from './task-name.js'
import { explained, inWords, type WaitStatus } from './wait-status.js'
import { waitingInWords } from './waiting.js'

/** A task that wants a clone whose event loop goes on. */
export interface Task {
  event: EventType
  name: string
  options: DetachableOptions
  stdio: Stdio
  /** Whether only the clone sends, with a file in memory for what is large, or both do. */
  link: 'pipe' | 'pipe and file' | 'socket'
  /** Called in the clone, once it is set up. */
  inClone: (ends: Ends) => void
  /** Functions that `inClone` calls first. */
  calls: readonly Callable[]
}

/** The clone's ends of what it has in common with its parent. */
export interface Ends {
  /** To write frames to; with a link that is a socket, to read them from, too. */
  fd: number
  /** For what is large; undefined where there is none. */
  file: number | undefined
}

/** A clone that is about to call its function. */
export interface Launched {
  clone: Clone
  /** Paused. */
  channel: Channel
  /** The descriptor of the file for what is large, which is the holder's to close. */
  file: number | undefined
  guard: Guard
}

/**
What a task needs before it waits for its turn: its standard streams, and whatever else `open` does.

@throws {QcloneError} when it is not to be had; `handlers.forkFailed` has been told.
*/
export function prepare(
  task: Pick<Task, 'event' | 'name'>,
  options: CloneOptions,
  open: () => void = () => {},
): Stdio {
  try {
    findInternals()
    open()
    return openStdio(options)
  } catch (error) {
    throw refused(typed(error), task)
  }
}

/** How often a clone is made for a task that has not begun. */
const ATTEMPTS = 2

/**
Makes a clone for a task, as soon as it is its turn and the threads are at rest, and waits until it is ready.

@throws {QcloneError} when there is none, or it was not ready twice.
*/
export async function launch(task: Task): Promise<Launched> {
  // Who is told of a client's task is told which one it is.
  const named = isServing(task.event) ? undefined : task
  const guard = new Guard(task.options, named)
  const turnedAway = untilStopped()
  const whyOff = () => (guard.triggered ? guard.error() : turnedAway())
  try {
    for (let attempt = 1; ; attempt++) {
      const launched = await attemptLaunch(task, guard, whyOff)
      if ('channel' in launched) {
        task.stdio.endWith(launched.clone.exited)
        return launched
      }
      if (guard.triggered) throw guard.error(launched)
      if (isWished(launched) || turnedAway()) throw died(launched)
      if (attempt === ATTEMPTS) throw notReady(launched)
    }
  } catch (error) {
    guard.release()
    task.stdio.discard()
    throw named && error instanceof QcloneError ? inTask(error, named) : error
  } finally {
    task.stdio.letGo()
  }
}

/** One clone: ready, or how it ended before it was. */
async function attemptLaunch(
  task: Task,
  guard: Guard,
  whyOff: () => QcloneError | undefined,
): Promise<Launched | WaitStatus> {
  if (guard.triggered) throw guard.error()
  if (!(await placeFor(task))) throw guard.error()
  let forked: { clone: Clone; channel: Channel; file: number | undefined }
  try {
    forked = await forkFor(task, whyOff)
  } catch (error) {
    leavePlace()
    throw error instanceof QcloneError ? error : refused(typed(error), task)
  }
  const { clone, channel, file } = forked
  guard.watch(clone, channel)
  const end = () => channel.otherSideHasEnded()
  guard.exited.then(end, end)
  if (await isReady(clone, channel)) return { clone, channel, file, guard }
  closeFile(file)
  return guard.exited
}

/** Waits for a place. False: it was aborted before. */
async function placeFor(task: Task): Promise<boolean> {
  const { event, name } = task
  try {
    return await takePlace(task.options.signal, (waiting) => sign('qclone:queued', { event, name, waiting }))
  } catch (error) {
    throw (error as QcloneError).code === 'ERR_QCLONE_BUSY' ? refused(error as QcloneError, task) : error
  }
}

function forkFor(
  task: Task,
  whyOff: () => QcloneError | undefined,
): Promise<{ clone: Clone; channel: Channel; file: number | undefined }> {
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
          const channel = new Channel(ends.own, {
            writable: task.link === 'socket',
            maxBytes: isServing(task.event) ? SERVING_BYTES : settings().maxAnswerBytes,
            onFault: () => discard(clone),
          })
          resolve({ clone, channel, file: ends.file })
        },
      },
    )
  })
}

/** The chain of a clone that nobody serves; those of clients are told by who knows the client. */
function tellInClone(event: EventType): void {
  if (!isServing(event)) handlers.inSpawn.call(event)
}

function beginInClone(task: Task, ends: Ends): void {
  const { event, inClone } = task
  enterTask(task)
  tellInClone(event)
  native().writeAll(ends.fd, READY)
  onSilentWrite(tellWaits.bind(undefined, ends.fd))
  inClone(ends)
}

function tellWaits(fd: number, peer: string): void {
  try {
    native().writeAll(fd, waitsFrame(peer))
  } catch {
    // The parent has all that it waited for.
  }
}

const READY = frame(KIND.ready)

/** What clone and parent are to have in common. */
function openEnds(task: Task): { own: number; forClone: number; file: number | undefined } {
  const { ends, failure } = task.link === 'socket' ? native().openSocketPair() : native().openPipe()
  if (failure) throw refused(fromFailure(failure), task)
  const [own, forClone] = ends as [number, number]
  const { fd, failure: noFile } = task.link === 'pipe and file' ? native().openMemoryFile() : {}
  if (noFile && OUT_OF_DESCRIPTORS.includes(noFile.errno ?? '')) {
    for (const end of [own, forClone]) native().closePipeEnd(end)
    throw refused(fromFailure(noFile), task)
  }
  // A system without such files does without: all then goes by the pipe.
  return { own, forClone, file: fd }
}

const OUT_OF_DESCRIPTORS = ['EMFILE', 'ENFILE']

export function closeFile(file: number | undefined): void {
  if (file !== undefined) native().closePipeEnd(file)
}

/** The largest message of a clone that serves a client: the head of a response at most. */
const SERVING_BYTES = 1 << 20

/** The error of a task whose clone ended before `what`. */
export function diedBefore(
  what: string,
  { clone, channel: { fault, waitsOn } }: Pick<Launched, 'channel' | 'clone'>,
  status: WaitStatus,
): QcloneError {
  const how = fault
    ? `${inWords(status)} before ${what}, as ${fault.message}`
    : `${explained(status)} before ${what}`
  const details = { status, ...(fault && { cause: fault }) }
  const message = `clone ${clone.pid} ${how}${waitingInWords(waitsOn)}`
  const error = new QcloneError('ERR_QCLONE_DIED', message, details)
  return isServing(clone.event) ? error : inTask(error, clone)
}

/** Waits until the clone is ready, and leaves the channel paused. False: it never will be. */
function isReady(clone: Clone, channel: Channel): Promise<boolean> {
  const { event, name, pid } = clone
  const begun = uptimeMs()
  return new Promise((resolve) => {
    const settle = (ready: boolean) => {
      clearTimeout(timer)
      channel.off('frame', onFrame)
      channel.off('close', onClose)
      const ms = uptimeMs() - begun
      if (ready) {
        sign('qclone:ready', { event, name, pid, ms })
      } else {
        clone.exited.then(
          (status) => sign('qclone:unready', { event, name, pid, ms, status }),
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
      // A parent that stood still finds its timers due before it has read what its clones sent.
      setImmediate(() => {
        if (channel.listeners('frame').includes(onFrame)) discard(clone)
      })
    }, settings().readyWait).unref()
  })
}

/** Whether somebody wanted the clone to end: to make another would be against their will. */
function isWished({ signal = '' }: WaitStatus): boolean {
  return ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'].includes(signal)
}

function died(status: WaitStatus): QcloneError {
  const message = `clone ${status.pid} ${inWords(status)} before it began`
  return new QcloneError('ERR_QCLONE_DIED', message, { status })
}

function notReady(status: WaitStatus): QcloneError {
  const message = `${ATTEMPTS} clones were made, and none came as far as calling the function within ${settings().readyWait} ms; the last one ${inWords(status)}: see its stderr, or allow more by \`configure({ readyWait })\``
  return new QcloneError('ERR_QCLONE_NOT_READY', message, { status })
}

calledInClones(beginInClone, tellInClone, tellWaits, isServing)
