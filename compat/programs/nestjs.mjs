// package: @nestjs/core
// with: @nestjs/common @nestjs/platform-express reflect-metadata
// parent: answers requests
// clone: answers one by a server of its own
import 'reflect-metadata'
import { Controller, Get, Module, Param } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { served } from './lib/http.mjs'

class Sums {
  sum(a, b) {
    return String(Number(a) + Number(b))
  }
}
// Compiled form of the decorators.
Controller('sum')(Sums)
Get(':a/:b')(Sums.prototype, 'sum', Object.getOwnPropertyDescriptor(Sums.prototype, 'sum'))
Param('a')(Sums.prototype, 'sum', 0)
Param('b')(Sums.prototype, 'sum', 1)

class Root {}
Module({ controllers: [Sums] })(Root)

const app = await NestFactory.create(Root, { logger: false })
await app.init()

export const { use, inClone } = await served(app.getHttpAdapter().getInstance(), '/sum/1/2', '3')
