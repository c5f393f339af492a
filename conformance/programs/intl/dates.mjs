process.env.TZ = 'America/New_York'
const summer = new Date('2024-07-01T12:00:00Z')
console.log(summer.getHours(), summer.getTimezoneOffset(), summer.toISOString())
process.env.TZ = 'Asia/Kolkata'
console.log(new Date('2024-07-01T12:00:00Z').toString(), new Date('2024-02-30T00:00:00').getMonth())
console.log(JSON.stringify({ date: new Date(0) }), Date.UTC(2000, 0), Number.isNaN(Date.parse('no date')))
