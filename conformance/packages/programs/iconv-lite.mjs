import iconv from 'iconv-lite'

console.log(
  iconv.encode('héllo €', 'win1252'),
  iconv.decode(Buffer.from([0x93, 0xfa, 0x96, 0x7b]), 'shift_jis'),
)
console.log(iconv.encodingExists('gbk'), iconv.decode(iconv.encode('汉字', 'gbk'), 'gbk'))
