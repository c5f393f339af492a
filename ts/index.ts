export { type Codec, type Conversation, type Message, ProtocolError, type Query } from './codecs/codec.js'
export { reportProgress } from './in-clone/progress.js'
export type { CloneSign, Signs, TaskSign } from './observe/diagnostics.js'
export { HandlerChain, handlers, type Shim } from './observe/handlers.js'
export { type Memory, memoryOf } from './observe/memory.js'
export type {
  CloneOptions,
  DetachableOptions,
  Limits,
  RunOptions,
  ServingOptions,
} from './options/clone-options.js'
export type { Keepable } from './options/keepable.js'
export type { PoolOptions } from './options/pool-options.js'
export { configure, type Settings } from './options/settings.js'
export { type CheckReport, check } from './parent/check.js'
export { clones } from './parent/clone-table.js'
export { type ForkTimings, isClone } from './parent/fork-point.js'
export { autoReap, reap } from './parent/reap.js'
export { cloneScope, stopAll } from './parent/stop-all.js'
export { type Warmed, type WarmOptions, warm } from './parent/warm.js'
export { type OffloadOptions, offload } from './servers/http/offload.js'
export { type AnsweringOptions, cloneRequests, type RequestOptions } from './servers/http/requests.js'
export { inRequest, trackRequests } from './servers/http/track.js'
export { type Undo, type UndoOptions, unload } from './servers/intercept.js'
export type { Evaluate, SpeakingOptions, Update } from './servers/net/evaluate.js'
export { cloneQueries, type QueryOptions } from './servers/net/queries.js'
export { cloneSessions, type SessionClient, type SessionOptions } from './servers/net/sessions.js'
export { cloneReaders } from './servers/readers/clone-readers.js'
export type { ReaderOptions } from './servers/readers/options.js'
export type {
  CloseOptions,
  ReaderStats,
  Readers,
  ReadersEvents,
  ReadersStats,
} from './servers/readers/readers.js'
export { generation, isReader, parentOnly, snapshotAge } from './servers/readers/role.js'
export { type Cloned, cloned } from './tasks/cloned.js'
export { createPool, type Pool } from './tasks/pool.js'
export { connectBack, type Resident, resident } from './tasks/resident.js'
export type { ResidentPort } from './tasks/resident-port.js'
export { type Run, type Running, run } from './tasks/run.js'
export { type Spawn, spawn } from './tasks/spawn.js'
export { type Stream, stream } from './tasks/stream.js'
export type { WithOptions } from './tasks/with-options.js'
export type { Port, PortEvents } from './transport/port.js'
export type { Clone, CloneInfo, CloneKind, EndOptions, Serving, StandardStreams } from './types/clone.js'
export {
  type ErrorCode,
  type ErrorDetails,
  isQcloneError,
  QcloneError,
  type ThreadInTheWay,
} from './types/errors.js'
export type { Source, Streaming } from './types/tasks.js'
export type { ResourceUsage, WaitStatus } from './types/wait-status.js'
