// An HTTP/2 server with one path per behaviour, on as many listeners as the configuration names.
//
// usage: node node_http2.js '{"control": 1233, "listeners": {"plain": {"host": "127.0.0.1", "port": 1234,
//                             "cert": file, "key": file, "settings": {"maxConcurrentStreams": 1}}}}'
//
// A listener without a certificate speaks HTTP/2 with prior knowledge.  `settings` is the server's first SETTINGS
// frame; what is not named there is not sent.  The control port answers GET / with what each listener has seen.
// Node's own modules only.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');

const configuration = JSON.parse(process.argv[2]);
const counts = {}; // listener -> {connections, open, streams, concurrent, unanswered, mostUnanswered, resets: {code: n}}
const waiting = new Map(); // barrier name -> streams held back
const transports = new Map(); // client port -> TCP socket, which node hides behind the session
const seen = new Set(); // names of one-time misbehaviours that have happened

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
const LAST_STREAM = 2 ** 31 - 1;
const PATTERN = Buffer.from(Array.from({ length: 251 }, (_, index) => index));

function pattern(length) {
  return Buffer.alloc(length, PATTERN);
}

function sha256(data) {
  return crypto.createHash('sha256').update(data).digest('hex');
}

function answer(stream, status, body, headers = {}) {
  if (stream.destroyed || stream.closed || stream.session === undefined) return; // the client is gone
  settle(stream);
  stream.respond({ ':status': status, 'content-length': Buffer.byteLength(body), ...identity(stream), ...headers });
  stream.end(body);
}

// From here on the client may know the end of this stream, and use its slot for another.
function settle(stream) {
  if (stream.unanswered) counts[stream.session.listener].unanswered -= 1;
  stream.unanswered = false;
}

function identity(stream) {
  return { 'x-connection-id': `${stream.session.listener}-${stream.session.number}` };
}

function json(stream, value) {
  answer(stream, 200, JSON.stringify(value), { 'content-type': 'application/json' });
}

// The last word of a session that has announced its end; without close() Node would no longer notice that the client went.
function finish(stream) {
  const { session } = stream;
  stream.on('close', () => session.close());
  json(stream, { finished: stream.id });
}

function afterBody(stream, action) {
  const hash = crypto.createHash('sha256');
  let length = 0;
  stream.on('data', (part) => {
    hash.update(part);
    length += part.length;
  });
  stream.on('end', () => action(length, hash.digest('hex')));
}

// True the first time that `name` is asked for.
function first(name) {
  if (seen.has(name)) return false;
  seen.add(name);
  return true;
}

const routes = {
  bytes(stream, headers, size) {
    const body = pattern(Number(size));
    answer(stream, 200, headers[':method'] === 'HEAD' ? '' : body, {
      'content-length': body.length,
      'x-sha256': sha256(body),
    });
  },

  digest(stream, headers) {
    afterBody(stream, (length, digest) =>
      json(stream, { length, sha256: digest, method: headers[':method'], headers: { ...headers } }));
  },

  echo(stream) {
    stream.respond({ ':status': 200, ...identity(stream) });
    stream.pipe(stream);
  },

  status(stream, headers, status) {
    stream.respond({ ':status': Number(status), ...identity(stream) }, { endStream: true });
  },

  trailers(stream) {
    stream.respond({ ':status': 200, ...identity(stream) }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': 'all' }));
    stream.end('body');
  },

  'early-hints'(stream) {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' });
    stream.additionalHeaders({ ':status': 103, link: '</script.js>; rel=preload' });
    json(stream, { after: 'hints' });
  },

  silent() {},

  // Headers and a beginning, then nothing.
  stall(stream) {
    stream.respond({ ':status': 200, ...identity(stream) });
    stream.write('a beginning');
  },

  slow(stream, headers, milliseconds) {
    setTimeout(() => json(stream, { slept: Number(milliseconds) }), Number(milliseconds));
  },

  // Answers nobody before `size` requests are here at the same time.
  barrier(stream, headers, size, name) {
    const held = waiting.get(name) || [];
    held.push(stream);
    waiting.set(name, held);
    if (held.length < Number(size)) return;
    waiting.delete(name);
    for (const one of held) json(one, { together: held.length });
  },

  // RST_STREAM in the middle of the body.
  reset(stream, headers, code) {
    // Promised trailers that never come keep Node from ending the body in good order before it resets the stream.
    stream.respond({ ':status': 200, ...identity(stream) }, { waitForTrailers: true });
    stream.write('a beginning', () => stream.close(Number(code)));
  },

  'reset-unanswered'(stream, headers, code) {
    stream.close(Number(code));
  },

  'refuse-once'(stream, headers, name) {
    if (first(name)) stream.close(NGHTTP2_REFUSED_STREAM);
    else afterBody(stream, (length) => json(stream, { length }));
  },

  // A complete response before the body has arrived, then RST_STREAM(NO_ERROR): RFC 9113 § 8.1.
  reject(stream) {
    stream.respond({ ':status': 413, ...identity(stream) });
    stream.end('rejected: too large');
    stream.on('finish', () => stream.close(NGHTTP2_NO_ERROR));
  },

  // Reads no byte of the body and never answers.
  deaf(stream) {
    stream.pause();
  },

  // Announces the end while this stream is being answered: the answer still arrives.
  'goaway-finish'(stream) {
    stream.session.goaway(NGHTTP2_NO_ERROR);
    finish(stream);
  },

  // The graceful pair of GOAWAYs (RFC 9113 § 6.8), then the answer.
  'goaway-twice'(stream) {
    stream.session.goaway(NGHTTP2_NO_ERROR, LAST_STREAM);
    stream.session.ping(() => {
      if (stream.session === undefined) return;
      stream.session.goaway(NGHTTP2_NO_ERROR); // Node fills in the last stream that it has processed
      finish(stream);
    });
  },

  // Everything before this request was processed; the next request of the same name is answered.
  'goaway-unprocessed'(stream, headers, name) {
    if (first(name)) {
      const { session } = stream;
      session.goaway(NGHTTP2_NO_ERROR, stream.id - 2);
      setTimeout(() => session.destroy(), 50);
      return;
    }
    afterBody(stream, (length) => json(stream, { length }));
  },

  // GOAWAY and a closed connection once the answer is out.
  'goaway-idle'(stream) {
    const { session } = stream;
    stream.on('close', () => session.destroy());
    json(stream, { goaway: true });
  },

  // The connection ends without a GOAWAY once the answer is out.
  'hang-up'(stream) {
    const transport = transports.get(stream.session.socket.remotePort);
    stream.on('close', () => setImmediate(() => transport.destroy()));
    json(stream, { end: true });
  },

  pings(stream, headers, number) {
    let left = Number(number);
    const ponged = (error) => {
      left -= 1;
      if (left === 0) json(stream, { error: error ? String(error) : null });
    };
    for (let index = left; index > 0; index -= 1) stream.session.ping(Buffer.alloc(8, index), ponged);
  },

  settings(stream, headers, number) {
    let left = Number(number);
    const settled = (error) => {
      left -= 1;
      if (left === 0) json(stream, { error: error ? String(error) : null });
    };
    for (let index = left; index > 0; index -= 1) {
      stream.session.settings({ maxHeaderListSize: 65536 + index }, settled);
    }
  },

  // A new limit of streams in the middle of the connection; answers once the client has acknowledged it.
  'limit-streams'(stream, headers, limit) {
    stream.session.settings({ maxConcurrentStreams: Number(limit) }, () => json(stream, { limit: Number(limit) }));
  },

  // Another initial window in the middle of this upload, which makes the window of this very stream negative.
  'shrink-window'(stream, headers, size) {
    const { session } = stream;
    stream.once('data', () => session.settings({ initialWindowSize: Number(size) }));
    afterBody(stream, (length, digest) => {
      if (!session.destroyed) session.settings({ initialWindowSize: 65535 });
      json(stream, { length, sha256: digest });
    });
  },
};

function dispatch(listener, stream, headers) {
  const count = counts[listener];
  count.streams += 1;
  count.concurrent += 1;
  stream.unanswered = true;
  count.unanswered += 1;
  count.mostUnanswered = Math.max(count.mostUnanswered, count.unanswered);
  stream.on('error', () => {});
  stream.on('aborted', () => {});
  stream.on('close', () => {
    count.concurrent -= 1;
    if (stream.unanswered) count.unanswered -= 1;
    stream.unanswered = false;
    const code = String(stream.rstCode);
    if (code !== '0') count.resets[code] = (count.resets[code] || 0) + 1;
  });
  const [, name, ...parameters] = headers[':path'].split('?')[0].split('/');
  const route = routes[name];
  if (route === undefined) answer(stream, 404, '');
  else route(stream, headers, ...parameters);
}

function listen(name, options) {
  const count = { connections: 0, open: 0, streams: 0, concurrent: 0, unanswered: 0, mostUnanswered: 0, resets: {} };
  counts[name] = count;
  const settings = {
    settings: options.settings || {},
    maxOutstandingPings: 10000,
    maxOutstandingSettings: 10000,
    maxSessionMemory: 1000, // megabytes; large answers to slow readers are what some tests are about
  };
  const server = options.cert
    ? http2.createSecureServer({
      ...settings,
      cert: fs.readFileSync(options.cert),
      key: fs.readFileSync(options.key),
    })
    : http2.createServer(settings);
  server.on('connection', (socket) => {
    const port = socket.remotePort;
    transports.set(port, socket);
    socket.on('close', () => transports.delete(port));
  });
  server.on('session', (session) => {
    count.connections += 1;
    count.open += 1;
    session.listener = name;
    session.number = count.connections;
    session.on('close', () => {
      count.open -= 1;
    });
    session.on('error', () => {});
  });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => dispatch(name, stream, headers));
  server.listen(options.port, options.host);
}

for (const [name, options] of Object.entries(configuration.listeners)) listen(name, options);

http
  .createServer((request, response) => {
    const body = Buffer.from(JSON.stringify(counts));
    response.writeHead(200, { 'Content-Length': body.length, Connection: 'close' });
    response.end(body);
  })
  .listen(configuration.control, '127.0.0.1');
