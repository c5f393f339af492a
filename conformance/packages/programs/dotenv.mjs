import { writeFileSync } from 'node:fs'
import { config, parse } from 'dotenv'
import { folder } from './support/folder.mjs'

const { file, remove } = folder()
writeFileSync(file('.env'), 'CONFORMANCE_A=1\nCONFORMANCE_B="two words"\n# nothing\n')
console.log(config({ path: file('.env'), quiet: true, override: true }).parsed, process.env.CONFORMANCE_B)
console.log(parse('X=y'))
remove()
