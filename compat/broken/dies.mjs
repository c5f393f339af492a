// parent: ends
let uses = 0

export const use = () => {
  if (++uses > 5) process.kill(process.pid, 'SIGKILL')
}
