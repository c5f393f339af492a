import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'

const ROOT = new URL('../../../', import.meta.url)

/** Loads this package in a context of its own. Needs `--experimental-vm-modules`. */
export async function loadInContext(): Promise<typeof import('node-qclone')> {
  const { process, console, setTimeout, clearTimeout, setImmediate } = globalThis
  const context = vm.createContext({ process, console, setTimeout, clearTimeout, setImmediate })
  const modules = new Map<string, Promise<vm.Module> | vm.Module>()
  const outside = async (name: string) => {
    const from = await import(name)
    const names = Object.keys(from)
    return new vm.SyntheticModule(
      names,
      function () {
        for (const key of names) this.setExport(key, from[key])
      },
      { context },
    )
  }
  const inside = (url: string) =>
    new vm.SourceTextModule(readFileSync(fileURLToPath(url), 'utf8'), {
      context,
      identifier: url,
      initializeImportMeta: (meta) => {
        meta.url = url
      },
    })
  const link = (name: string, from: vm.Module) => {
    const key = name.startsWith('node:') ? name : new URL(name, from.identifier).href
    const known = modules.get(key) ?? (name.startsWith('node:') ? outside(name) : inside(key))
    modules.set(key, known)
    return known as vm.Module
  }
  const main = inside(new URL('dist/index.js', ROOT).href)
  await main.link(link)
  await main.evaluate()
  return main.namespace as typeof import('node-qclone')
}
