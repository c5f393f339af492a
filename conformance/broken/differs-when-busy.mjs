console.log('listeners that the parent left on stdout:', process.stdout.listenerCount('error'))
