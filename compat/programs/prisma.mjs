// package: @prisma/client
import '@prisma/client/runtime/client'
