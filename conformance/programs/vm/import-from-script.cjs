const { constants, Script } = require('node:vm')

const importModuleDynamically = constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER
const script = new Script("import('node:path').then(({ sep }) => sep)", { importModuleDynamically })
script.runInThisContext().then((sep) => console.log('imported, sep is', sep))
