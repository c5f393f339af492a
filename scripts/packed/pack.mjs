// Packs the package and its platform packages as for publishing: node scripts/packed/pack.mjs FOLDER [--complete]
// A platform's binary is the one in its folder in npm/, or else at the root. With --complete, a missing one is an error.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { argv } from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { run } from './run.mjs'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const ALWAYS_PACKED = ['package.json', 'README.md', 'LICENSE']

/** Writes the tarballs to `folder`, and returns what `npm pack` reports for each. The package itself is last. */
export function pack(folder, { complete = false } = {}) {
  const stage = mkdtempSync(join(tmpdir(), 'qclone-pack-'))
  try {
    const { files } = manifestIn(ROOT)
    for (const name of [...ALWAYS_PACKED, ...files, 'npm']) {
      cpSync(join(ROOT, name), join(stage, name), { recursive: true })
    }
    const platforms = readdirSync(join(stage, 'npm')).map((name) => join(stage, 'npm', name))
    dependOn(platforms, stage)
    for (const platform of platforms) addBinary(platform, complete)
    mkdirSync(folder, { recursive: true })
    return [...platforms, stage].map((from) => packOne(from, folder))
  } finally {
    rmSync(stage, { recursive: true })
  }
}

/**
Makes the platform packages dependencies of the package. In the repository they are not dependencies: `npm ci` would
look for versions that are not published yet.
*/
function dependOn(platforms, stage) {
  const manifest = manifestIn(stage)
  const versions = platforms.map(manifestIn).map(({ name, version }) => [name, version])
  const [wrong] = versions.find(([, version]) => version !== manifest.version) ?? []
  if (wrong)
    throw new Error(`${wrong} has not the version ${manifest.version}: run \`npx napi create-npm-dirs\``)
  const packed = { ...manifest, optionalDependencies: Object.fromEntries(versions) }
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(packed, null, 2)}\n`)
}

function addBinary(platform, isNeeded) {
  const { name, main } = manifestIn(platform)
  if (existsSync(join(platform, main))) return
  if (existsSync(join(ROOT, main))) copyFileSync(join(ROOT, main), join(platform, main))
  else if (isNeeded) throw new Error(`${name} has no ${main}`)
}

function packOne(from, folder) {
  const args = ['pack', '--json', '--pack-destination', resolve(folder)]
  const said = JSON.parse(run('npm', args, { cwd: from }))
  // npm 12 prints an object, keyed by name.
  const [{ name, version, filename, size, files }] = Array.isArray(said) ? said : Object.values(said)
  return { name, version, filename, size, files: files.map(({ path }) => path) }
}

function manifestIn(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

/** Returns one line for each tarball. */
export function list(packed) {
  return packed
    .map(({ filename, size, files }) => {
      const binary = files.find((path) => path.endsWith('.node'))
      const content = filename.includes('linux') ? (binary ?? 'WITHOUT its binary') : `${files.length} files`
      return `${filename}  ${Math.ceil(size / 1024)} KiB, ${content}`
    })
    .join('\n')
}

if (argv[1] && import.meta.url === pathToFileURL(argv[1]).href) {
  const [folder, ...flags] = argv.slice(2)
  console.log(list(pack(folder, { complete: flags.includes('--complete') })))
}
