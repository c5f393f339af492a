console.log('no work at all')
