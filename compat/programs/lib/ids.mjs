import assert from 'node:assert/strict'

/** Draws ids (one, or an array) in the parent and in clones. `after` fails if one was drawn twice. */
export function differ(draw) {
  const own = []
  return {
    use: async () => void own.push(await draw()),
    inClone: draw,
    after(values) {
      const all = [own, values].flat(2)
      assert.equal(new Set(all).size, all.length, 'ids repeat in clones: draw anew in `handlers.inClone`')
    },
  }
}
