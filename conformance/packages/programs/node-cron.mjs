import cron from 'node-cron'

console.log(cron.validate('*/2 * * * * *'), cron.validate('not cron'))
await new Promise((resolve) => {
  const task = cron.schedule('* * * * * *', () => {
    console.log('ran')
    task.destroy()
    resolve()
  })
})
