const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

fs.mkdtemp(path.join(os.tmpdir(), 'callbacks-'), (error, folder) => {
  if (error) throw error
  const file = path.join(folder, 'file')
  fs.writeFile(file, 'written', (error) => {
    console.log(error)
    fs.readFile(file, 'utf8', (error, text) => {
      console.log(error, text)
      fs.readFile(path.join(folder, 'missing'), (error) => {
        console.log(error.code, error.syscall)
        fs.rm(folder, { recursive: true }, (error) => console.log('removed', error))
      })
    })
  })
})
