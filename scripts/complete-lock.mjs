// If the registry lacks a platform's optional package, npm leaves it out of the lock file, and `npm ci` then rejects
// the file. This script adds the missing entries: name and version from the package that depends on them, platform from
// the name. They have no integrity hash, which only the registry knows.
import { readFileSync, writeFileSync } from 'node:fs'

const LOCK = 'package-lock.json'
const SYSTEMS = { android: 'android', darwin: 'darwin', freebsd: 'freebsd', linux: 'linux', win32: 'win32' }
const CPUS = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']
const EXACT_VERSION = /^\d+\.\d+\.\d+$/

const lock = JSON.parse(readFileSync(LOCK, 'utf8'))
const added = []
for (const parent of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`
    if (place in lock.packages) continue
    if (!EXACT_VERSION.test(version)) throw new Error(`${name}@${version}: not an exact version`)
    lock.packages[place] = { version, dev: true, optional: true, ...platformOf(name) }
    added.push(name)
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
lock.packages = Object.fromEntries(sorted)
writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added.length} entries added to ${LOCK}`)

/** Returns `os`, `cpu` and `libc` as npm writes them, from the words in a platform package's name. */
function platformOf(name) {
  const words = name.split('/').at(-1).split('-')
  if (words.includes('wasm32')) return { cpu: ['wasm32'] }
  const os = words.map((word) => SYSTEMS[word]).find(Boolean)
  const cpu = words.find((word) => CPUS.includes(word))
  if (os === undefined || cpu === undefined) throw new Error(`${name}: no platform in its name`)
  if (os !== 'linux') return { cpu: [cpu], os: [os] }
  return { cpu: [cpu], libc: [words.includes('musl') ? 'musl' : 'glibc'], os: [os] }
}
