import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { BlockList, isIP, SocketAddress } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const blocked = new BlockList()
blocked.addSubnet('10.0.0.0', 8)
console.log(blocked.check('10.1.2.3'), blocked.check('127.0.0.1'), isIP('::1'))
console.log(new SocketAddress({ address: '127.0.0.1', port: 80 }).family)
const folder = mkdtempSync(join(tmpdir(), 'fd-'))
const fd = openSync(join(folder, 'rules'), 'w')
writeSync(fd, blocked.rules.join('\n'))
closeSync(fd)
console.log(readFileSync(join(folder, 'rules'), 'utf8'))
rmSync(folder, { recursive: true })
