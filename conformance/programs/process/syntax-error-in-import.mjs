// ends: 1
console.log('before')
await import('data:text/javascript,export const x = ;')
