// parent: waits in vain
let uses = 0

export const use = () => (++uses > 5 ? new Promise(() => setInterval(() => {}, 1000)) : undefined)
