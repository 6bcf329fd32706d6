// A Node service: HTTP with trailers, streams and early answers, and a WebSocket echo.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

const require = createRequire(`${process.env.YUMEN_NODE_MODULES}/`);
const { WebSocketServer } = require('ws');

const server = createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  if (path === '/hello') {
    response.end('hello from node\n');
  } else if (path === '/trailers') {
    response.setHeader('Trailer', 'X-Sum');
    response.write('two ');
    response.write('pieces');
    response.addTrailers({ 'X-Sum': '42' });
    response.end();
  } else if (path === '/upload') {
    const hash = createHash('sha256');
    let count = 0;
    for await (const piece of request) {
      count += piece.length;
      hash.update(piece);
    }
    const body = { count, sha256: hash.digest('hex'), trailers: request.trailers };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(body));
  } else if (path === '/early') {
    // Says no before the body has come, and does not read it.
    response.writeHead(413, { Connection: 'close' });
    response.end('too much');
  } else if (path === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    for (let number = 0; number < 5; number += 1) {
      response.write(`data: ${number}\n\n`);
      await pause(200);
    }
    response.end();
  } else if (path === '/hints') {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    await pause(50);
    response.end('after the hints');
  } else {
    response.statusCode = 404;
    response.end('node has no such page\n');
  }
});

const sockets = new WebSocketServer({ server, path: '/socket', maxPayload: 64 << 20 });
sockets.on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});

server.keepAliveTimeout = 30_000;
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
