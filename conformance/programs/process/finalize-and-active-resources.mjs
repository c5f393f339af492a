const timeout = setTimeout(() => {}, 10)
console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length)
clearTimeout(timeout)
console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length)
