import yargs from 'yargs'

const { argv } = yargs(['build', '--level', '3', '-v', 'rest'])
  .command('build', 'builds')
  .boolean('v')
  .number('level')
console.log(argv.level, argv.v, argv._)
console.log(
  await yargs([]).scriptName('test').usage('$0 [options]').option('a', { describe: 'first' }).getHelp(),
)
