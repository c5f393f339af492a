import test from 'ava'
import { handlers } from 'node-qclone'
import { playScene, runScript } from './helpers/fixture.js'

const ANSWERS = { run: 42, timeout: 'ERR_QCLONE_TIMEOUT', spawn: 7, stream: [1, 2] }

/** What is put in the place of Node's timers before the package is loaded, in the ES modules of Node, too. */
const PRELOADS: Record<string, string> = {
  wrapped: `
    import timers from 'node:timers'
    import { syncBuiltinESMExports } from 'node:module'
    for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearImmediate']) {
      const own = timers[name]
      timers[name] = globalThis[name] = (...args) => own(...args)
    }
    syncBuiltinESMExports()`,
  'that never fire': `
    import timers from 'node:timers'
    import { syncBuiltinESMExports } from 'node:module'
    for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearImmediate']) {
      timers[name] = globalThis[name] = () => ({ unref() { return this } })
    }
    syncBuiltinESMExports()`,
  'of a test': `
    import { mock } from 'node:test'
    import { syncBuiltinESMExports } from 'node:module'
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] })
    syncBuiltinESMExports()`,
  // As zone.js does.
  'wrapped, with the source of the originals': `
    import timers from 'node:timers'
    import { syncBuiltinESMExports } from 'node:module'
    const originals = new Map()
    const { toString } = Function.prototype
    Function.prototype.toString = function () { return toString.call(originals.get(this) ?? this) }
    for (const name of ['setTimeout', 'setInterval', 'setImmediate']) {
      const own = timers[name]
      timers[name] = globalThis[name] = (f, ...rest) => own(() => f(), ...rest)
      originals.set(timers[name], own)
    }
    syncBuiltinESMExports()`,
}

const OTHER_PRELOADS: Record<string, string> = {
  'ticks that never come': 'process.nextTick = () => {}',
  'ticks that wait for a call, with their source': `
    const ticks = []
    const { toString } = Function.prototype
    const { nextTick } = process
    process.nextTick = (...args) => void ticks.push(args)
    Function.prototype.toString = function () { return toString.call(this === process.nextTick ? nextTick : this) }`,
  // As zone.js does.
  'listeners wrapped': `
    import { EventEmitter } from 'node:events'
    const { on } = EventEmitter.prototype
    EventEmitter.prototype.on = EventEmitter.prototype.addListener = function (event, listener) {
      // Those of \`once\` are wrapped by Node.
      if (listener.listener) return on.call(this, event, listener)
      const wrapped = function (...args) { return listener.apply(this, args) }
      return on.call(this, event, Object.assign(wrapped, { listener }))
    }`,
  'other defaults of servers': `
    import net from 'node:net'
    import { syncBuiltinESMExports } from 'node:module'
    const { createServer } = net
    net.createServer = (...args) =>
      typeof args[0] === 'object' ? createServer(...args) : createServer({ allowHalfOpen: true }, ...args)
    syncBuiltinESMExports()`,
}

const before = test.macro({
  title: (_, how: string) =>
    `clones are made where ${OTHER_PRELOADS[how] ? how : `timers ${how}`} were there first`,
  async exec(t, how: string) {
    const nodeArgs = [
      '--no-warnings',
      '--import',
      `data:text/javascript,${encodeURIComponent(PRELOADS[how] ?? OTHER_PRELOADS[how] ?? '')}`,
    ]
    t.deepEqual(await playScene(t, 'globals', 'timers faked before', { nodeArgs }), ANSWERS)
  },
})

test(before, 'wrapped')
test(before, 'of a test')
test(before, 'that never fire')
test(before, 'wrapped, with the source of the originals')
for (const how of Object.keys(OTHER_PRELOADS)) test(before, how)

const atTheCall = test.macro({
  title: (_, how: string) => `clones are made where the global timers are ${how}`,
  async exec(t, how: string) {
    const nodeArgs = ['--no-warnings']
    t.deepEqual(await playScene(t, 'globals', 'timers faked at the call', { args: [how], nodeArgs }), ANSWERS)
  },
})

test(atTheCall, 'wrapped')
test(atTheCall, 'mocked')
test(atTheCall, 'gone')

const changed = test.macro({
  title: (_, what: string) => `clones are made behind ${what}`,
  async exec(t, what: string) {
    t.deepEqual(await playScene(t, 'globals', 'changed behind the first clone', { args: [what] }), {
      first: 1,
      agree: true,
      reason: 'ok',
      spawn: 7,
    })
  },
})

test(changed, 'Object.prototype.get')
test(changed, 'Object.prototype.value')
test(changed, 'a locked stdin')
test(changed, 'locked streams')
test(changed, 'a locked cpuUsage')

const locked = test.macro({
  title: (_, what: string) => `check and run refuse, with the reason, behind ${what}`,
  async exec(t, what: string) {
    const scene = 'changed behind the first clone'
    const { reason, ...told } = await playScene(t, 'globals', scene, { args: [what] })
    t.deepEqual(told, { first: 1, agree: true, spawn: 'ERR_QCLONE_UNSUPPORTED' })
    t.regex(String(reason), /process\.pid.* cannot be redefined/)
  },
})

test(locked, 'a sealed process')
test(locked, 'a locked pid')

test('no clone is made within the frames of a function that runs immediates', async (t) => {
  // A clone would go on in them, and tell the first, too.
  t.deepEqual(await playScene(t, 'globals', 'immediates run by the caller'), {
    'immediates run': true,
    'the customer is charged': true,
    answer: 'answered',
  })
})

const odd = test.macro({
  title: (_, kind: string) => `a timer ${kind} stops no clone`,
  async exec(t, kind: string) {
    t.deepEqual(await playScene(t, 'globals', 'odd timers', { args: [kind] }), { run: 'answered' })
  },
})

test(odd, 'without function')
test(odd, 'enrolled')

test('errors of another realm arrive with name, code, properties, cause and errors', async (t) => {
  t.deepEqual(await playScene(t, 'globals', 'errors of another realm'), {
    'error 0': { name: 'RangeError', message: 'a', own: 'E_A', inner: 'E_B' },
    'error 1': { name: 'Mine', message: 'c', own: 5 },
    'error 2': { name: 'AggregateError', message: 'e', inner: 'E_D' },
  })
})

test('a package that was loaded in a vm context alone clones', async (t) => {
  const nodeArgs = ['--experimental-vm-modules', '--no-warnings']
  const { stdout, stderr, code } = await runScript('../fixtures/in-context.js', { nodeArgs })
  t.deepEqual([stdout, stderr, code], ['42\n', '', 0])
})

test('a package that was loaded in a vm context clones', async (t) => {
  const nodeArgs = ['--experimental-vm-modules', '--no-warnings']
  t.deepEqual(await playScene(t, 'globals', 'a vm context', { nodeArgs }), {
    run: 42,
    spawn: 7,
    error: 'mine',
  })
})

const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

test('under the permission model check and run give the same reason', async (t) => {
  const flags = [permission, '--allow-fs-read=*', '--no-warnings']
  const withoutAddons = await playScene(t, 'globals', 'check and run', { nodeArgs: flags })
  t.true(withoutAddons.agree)
  const nodeArgs = [...flags, '--allow-addons']
  const withoutInspector = await playScene(t, 'globals', 'check and run', { nodeArgs })
  t.true(withoutInspector.agree)
  t.regex(String(withoutInspector.reason), /permission model.* denies the inspector/)
})

const { allowedNodeEnvironmentFlags: known } = process
const testWithNetPermission = known.has('--allow-inspector') && known.has('--allow-net') ? test : test.skip

testWithNetPermission('where sockets need a permission, nothing is cloned without it', async (t) => {
  const flags = [permission, '--allow-fs-read=*', '--no-warnings', '--allow-addons', '--allow-inspector']
  const without = await playScene(t, 'globals', 'check and run', { nodeArgs: flags })
  t.true(without.agree)
  t.regex(String(without.reason), /denies the sockets .*--allow-net/)
  const allowed = await playScene(t, 'globals', 'check and run', { nodeArgs: [...flags, '--allow-net'] })
  t.deepEqual(allowed, { agree: true, reason: 'ok' })
})

test('two copies of one version share their clones', async (t) => {
  t.deepEqual(await playScene(t, 'globals', 'two copies'), {
    'run of the first': 1,
    'in a clone of the first': [true, true, 0],
    'check of the second': true,
    'run of the second': 2,
    errors: [true, true, true, true],
    'in a clone of the second': [true, true, 0],
    nested: 3,
  })
})

test('of two copies in two versions the second refuses, and knows a clone for one', async (t) => {
  t.deepEqual(await playScene(t, 'globals', 'two copies', { args: ['0.0.0'] }), {
    'run of the first': 1,
    'in a clone of the first': [true, true, 0],
    'check of the second': 'ERR_QCLONE_UNSUPPORTED',
    'run of the second': 'ERR_QCLONE_UNSUPPORTED',
    errors: [true, true, true, true],
  })
})

test('a REPL goes on when its clones end', async (t) => {
  const { 'exit code': code, ...lines } = await playScene(t, 'globals', 'a REPL')
  t.is(code, 0)
  t.deepEqual(
    Object.values(lines).filter((answer) => answer !== true),
    [],
  )
})

test('handlers are chains that nobody can replace', (t) => {
  t.throws(() => Object.assign(handlers, { newClone: undefined }), { instanceOf: TypeError })
})
