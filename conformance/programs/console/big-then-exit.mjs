// reader: slow
// ends: 4
process.stdout.write(`${'y'.repeat(1_200_000)}\n`)
// A pipe takes what is written when it has room: an exit before that would lose the rest.
process.stdout.write('before the exit\n', () => process.exit(4))
