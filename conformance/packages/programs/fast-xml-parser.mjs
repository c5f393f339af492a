import { XMLBuilder, XMLParser } from 'fast-xml-parser'

const parser = new XMLParser({ ignoreAttributes: false })
const read = parser.parse('<a x="1"><b>2</b><b>three</b><c/></a>')
console.log(read, new XMLBuilder({ ignoreAttributes: false }).build(read))
