// parent: fails while there are clones
let uses = 0

export const use = () => {
  if (++uses > 5) throw new Error('no more')
}
