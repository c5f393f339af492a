import { enablePatches, produce, produceWithPatches } from 'immer'

enablePatches()
const state = { list: [{ n: 1 }], same: {} }
const next = produce(state, (draft) => {
  draft.list[0].n++
  draft.list.push({ n: 9 })
})
console.log(next, next.same === state.same, Object.isFrozen(next))
console.log(
  produceWithPatches(state, (draft) => {
    draft.list.pop()
  })[1],
)
