import { addDays, format, formatDistance } from 'date-fns'
import dayjs from 'dayjs'
import { DateTime } from 'luxon'

const at = new Date(Date.UTC(2024, 1, 29, 12))
console.log(format(addDays(at, 1), 'yyyy-MM-dd'), formatDistance(at, addDays(at, 3)))
console.log(dayjs(at).add(1, 'year').format('YYYY-MM-DD'), dayjs(at).isAfter(at))
console.log(
  DateTime.fromJSDate(at, { zone: 'Asia/Tokyo' }).toISO(),
  DateTime.fromISO('2024-01-01').plus({ months: 1 }).toISODate(),
)
