console.log('before')
throw new Error('in any way')
