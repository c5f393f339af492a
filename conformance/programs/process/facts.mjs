import { execFileSync } from 'node:child_process'
import { readlinkSync, realpathSync } from 'node:fs'

console.log(process.pid === Number(readlinkSync('/proc/self')))
console.log(Number(execFileSync('sh', ['-c', 'echo $PPID'])) === process.pid, process.ppid !== process.pid)
console.log(process.argv.length, process.argv[0] === process.execPath, process.execArgv)
console.log(process.cwd() === realpathSync(process.cwd()), process.platform, typeof process.version)
console.log(process.uptime() > 0, process.memoryUsage().heapUsed > 0, process.memoryUsage.rss() > 0)
console.log(process.stdin.fd, process.stdout.fd, process.stderr.fd, process.exitCode, process.connected)
const { user, system } = process.cpuUsage()
console.log(user + system >= 0, process.resourceUsage().maxRSS > 0, typeof process.umask())
