const events = ['uncaughtException', 'unhandledRejection', 'beforeExit', 'SIGTERM', 'SIGINT', 'message']
for (const event of events) console.log(event, process.listenerCount(event))
