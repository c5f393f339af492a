import {
  availableParallelism,
  constants,
  cpus,
  EOL,
  endianness,
  getPriority,
  hostname,
  loadavg,
  networkInterfaces,
  platform,
  tmpdir,
  totalmem,
  userInfo,
} from 'node:os'

console.log(platform(), endianness(), JSON.stringify(EOL), constants.signals.SIGTERM, constants.errno.ENOENT)
console.log(
  cpus().length >= 1,
  availableParallelism() >= 1,
  hostname().length > 0,
  loadavg().length,
  totalmem() > 0,
)
console.log(
  networkInterfaces().lo?.some(({ address }) => address === '127.0.0.1'),
  typeof getPriority(),
)
console.log(userInfo().uid === process.getuid(), tmpdir() === process.env.TMPDIR || !process.env.TMPDIR)
