// WebSockets of the `ws` package through the gateway: over HTTP/1.1, and on streams of Node's own
// HTTP/2. Argument: the gateway's address.
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import http2 from 'node:http2';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.YUMEN_NODE_MODULES}/`);
const { WebSocket } = require('ws');

const at = process.argv[2];
const maxPayload = 64 << 20;

const once = (emitter, event) => new Promise((resolve, reject) => {
  emitter.once('error', reject);
  emitter.once(event, (...all) => {
    emitter.off('error', reject);
    resolve(all);
  });
});

async function byHttp1(path) {
  const socket = new WebSocket(`ws://${at}${path}`, { maxPayload });
  await once(socket, 'open');
  return socket;
}

const session = http2.connect(`http://${at}`);

async function byHttp2(path) {
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': 13,
  });
  const [fields] = await once(stream, 'response');
  assert.equal(fields[':status'], 200);
  // What a stream lacks of a socket.
  stream.setNoDelay = () => {};
  stream.setKeepAlive = () => {};
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
  // Made without an address, it takes itself for a server's.
  socket._isServer = false;
  socket.setSocket(stream, Buffer.alloc(0), {
    allowSynchronousEvents: true, maxPayload, skipUTF8Validation: false,
  });
  return socket;
}

async function check(open) {
  const socket = await open('/node');
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 3 << 20]) {
    const message = randomBytes(size);
    const back = once(socket, 'message');
    socket.send(message);
    assert.ok((await back)[0].equals(message), `${size} bytes`);
  }
  const whole = once(socket, 'message');
  for (const [index, piece] of ['玉', '門', 'x'.repeat(100_000)].entries()) {
    socket.send(piece, { fin: index === 2, binary: false });
  }
  assert.equal((await whole)[0].toString(), `玉門${'x'.repeat(100_000)}`);
  for (let number = 0; number < 50; number += 1) {
    const pong = once(socket, 'pong');
    socket.ping(String(number));
    assert.equal((await pong)[0].toString(), String(number));
  }
  const closed = once(socket, 'close');
  socket.close(4321, 'enough');
  assert.equal((await closed)[0], 4321);
  const theirs = await open('/close/4999');
  const [code, reason] = await once(theirs, 'close');
  assert.deepEqual([code, reason.toString()], [4999, 'as you like']);
}

let failed = 0;
if (session.connecting) await once(session, 'connect');
if (!session.remoteSettings?.enableConnectProtocol) await once(session, 'remoteSettings');
for (const [name, open] of Object.entries({ byHttp1, byHttp2 })) {
  try {
    await check(open);
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
}
process.exit(failed ? 1 : 0);
