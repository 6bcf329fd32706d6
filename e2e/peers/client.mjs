// Node clients through the gateway: fetch, http with trailers and pipelines, ws.
import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.YUMEN_NODE_MODULES}/`);
const { WebSocket } = require('ws');

const [host, port] = process.argv[2].split(':');
const base = `http://${host}:${port}`;
const large = Buffer.alloc(1 << 20, 'gate');
const sum = createHash('sha256').update(large).digest('hex');

/** One request with the plain client, so that trailers and 1xx answers can be seen. */
function ask(options, body) {
  return new Promise((resolve, reject) => {
    const seen = { hints: 0, continued: false };
    const request = http.request({ host, port, ...options }, (response) => {
      seen.from = request.socket.localPort;
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ ...seen, response, text: Buffer.concat(pieces).toString() });
      });
    });
    request.on('information', () => { seen.hints += 1; });
    request.on('continue', () => { seen.continued = true; request.end(body); });
    request.on('error', reject);
    if (options.trailers) {
      request.write(body);
      request.addTrailers(options.trailers);
      request.end();
    } else if (!options.headers?.Expect) {
      request.end(body);
    }
  });
}

const checks = {
  async fetchEveryService() {
    for (const where of ['py', 'js', 'nginx']) {
      const answer = await fetch(`${base}/${where}/hello`);
      assert.equal(answer.status, 200);
      assert.match(await answer.text(), /^hello from /);
    }
  },
  async fetchUploads() {
    for (const where of ['py/upload', 'js/upload']) {
      const sent = await fetch(`${base}/${where}`, { method: 'POST', body: large });
      const answer = await sent.json();
      assert.deepEqual([answer.count, answer.sha256], [large.length, sum]);
    }
  },
  async fetchStreamsUp() {
    const body = new ReadableStream({
      pull(controller) {
        this.left ??= 64;
        if (this.left-- === 0) { controller.close(); return; }
        controller.enqueue(large.subarray(0, 1 << 14));
      },
    });
    const sent = await fetch(`${base}/js/upload`, { method: 'POST', body, duplex: 'half' });
    assert.equal((await sent.json()).count, 64 << 14);
  },
  async fetchStreamsEvents() {
    const answer = await fetch(`${base}/py/events`);
    const times = [];
    for await (const piece of answer.body) {
      times.push([performance.now(), Buffer.from(piece).toString()]);
    }
    assert.ok(times.length >= 5, `${times.length} pieces`);
    assert.ok(times.at(-1)[0] - times[0][0] > 500, 'events came together');
  },
  async fetchSeesACutBody() {
    await assert.rejects(fetch(`${base}/py/die`).then((answer) => answer.text()));
  },
  async trailersBothWays() {
    const down = await ask({ path: '/js/trailers' });
    assert.equal(down.text, 'two pieces');
    assert.equal(down.response.trailers['x-sum'], '42');
    const headers = { 'Transfer-Encoding': 'chunked', Trailer: 'X-Check' };
    const up = await ask({ path: '/js/upload', method: 'POST', headers, trailers: { 'X-Check': 'sum' } }, 'body');
    const answer = JSON.parse(up.text);
    assert.deepEqual([answer.count, answer.trailers], [4, { 'x-check': 'sum' }]);
  },
  async continueThenBody() {
    const headers = { Expect: '100-continue', 'Content-Length': large.length };
    const answer = await ask({ path: '/js/upload', method: 'POST', headers }, large);
    assert.equal(answer.continued, true);
    assert.equal(JSON.parse(answer.text).count, large.length);
  },
  async earlyHints() {
    const answer = await ask({ path: '/js/hints' });
    assert.deepEqual([answer.hints, answer.text], [1, 'after the hints']);
  },
  async keepsItsConnection() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const used = new Set();
    for (let number = 0; number < 30; number += 1) {
      const answer = await ask({ path: '/js/hello', agent });
      assert.equal(answer.text, 'hello from node\n');
      used.add(answer.from);
    }
    agent.destroy();
    assert.equal(used.size, 1, `${used.size} connections`);
  },
  async webSockets() {
    for (const path of ['js/socket', 'pyws']) {
      const socket = new WebSocket(`ws://${host}:${port}/${path}`, { maxPayload: 64 << 20 });
      await new Promise((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('error', reject);
      });
      for (const message of ['one', '玉門', 'x'.repeat(70_000), 'y'.repeat(4 << 20)]) {
        const back = new Promise((resolve) => socket.once('message', resolve));
        socket.send(message);
        assert.equal((await back).toString(), message);
      }
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.close(1000);
      assert.equal(await closed, 1000);
    }
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
}
process.exit(failed ? 1 : 0);
