import { domainToASCII, fileURLToPath, format, pathToFileURL, urlToHttpOptions } from 'node:url'

const url = new URL('../b?x=1&y=%C3%BC#end', 'https://user:pw@exämple.org:8080/a/c/')
console.log(url.href, url.origin, url.searchParams.get('y'))
url.searchParams.append('z', 'a b&c')
url.port = '443'
console.log(String(url), URL.canParse('nope'), domainToASCII('español.com'))
console.log(pathToFileURL('/tmp/a b#c').href, fileURLToPath('file:///x/%20y'))
console.log(urlToHttpOptions(url).hostname, format({ protocol: 'http', host: 'h', query: { q: 1 } }))
console.log([...new URLSearchParams('b=2&a=1&b=3')].join(' '), new URLSearchParams({ q: '…' }).toString())
