// An HTTP/1.1 server with one path per behaviour, on as many listeners as the configuration names.
//
// usage: node node_http.js '{"listeners": {"tcp": {"host": "127.0.0.1", "port": 1234}, "unix": {"path": "/…"},
//                            "tls": {"host": …, "port": …, "cert": file, "key": file, "clientCa": file}}}'
//
// Every response names its connection (X-Connection-Id), so that a test can tell reuse from a new connection.
// Node's own modules only.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');

const configuration = JSON.parse(process.argv[2]);
const counts = {}; // listener -> {connections, secured, requests, open, tlsErrors}
const waiting = new Map(); // barrier name -> responses held back

const PATTERN = Buffer.from(Array.from({ length: 251 }, (_, index) => index));

function pattern(length) {
  return Buffer.alloc(length, PATTERN);
}

function sha256(data) {
  return crypto.createHash('sha256').update(data).digest('hex');
}

function json(response, value) {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(body);
}

function afterBody(request, action) {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => action(Buffer.concat(parts)));
}

// A response head and body written behind the back of the http module, which would close the socket in its own way.
function raw(socket, status, body, headers = '') {
  return socket.write(
    `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`,
  );
}

// An abrupt end: RST on TCP, also below TLS; on a unix socket, closing with unread bytes is what the peer sees as a reset.
function abort(socket) {
  const transport = socket._parent || socket;
  if (transport.remoteAddress === undefined) transport.destroy();
  else transport.resetAndDestroy();
}

const REJECTION = 'rejected: too large';

const routes = {
  bytes(request, response, size) {
    const body = pattern(Number(size));
    response.writeHead(200, { 'Content-Length': body.length, 'X-Sha256': sha256(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  },

  chunked(request, response, size) {
    const body = pattern(Number(size));
    response.writeHead(200, { 'Transfer-Encoding': 'chunked', 'X-Sha256': sha256(body) });
    for (let start = 0; start < body.length; start += 65536) response.write(body.subarray(start, start + 65536));
    response.end();
  },

  trailers(request, response) {
    response.writeHead(200, { 'Transfer-Encoding': 'chunked', Trailer: 'X-After' });
    response.write('body');
    response.addTrailers({ 'X-After': 'all' });
    response.end();
  },

  digest(request, response) {
    const hash = crypto.createHash('sha256');
    let length = 0;
    request.on('data', (part) => {
      hash.update(part);
      length += part.length;
    });
    request.on('end', () =>
      json(response, { length, sha256: hash.digest('hex'), method: request.method, headers: request.rawHeaders }));
  },

  echo(request, response) {
    afterBody(request, (body) => {
      response.writeHead(200, { 'Content-Length': body.length, 'X-Sha256': sha256(body) });
      response.end(body);
    });
  },

  // Answers while it reads, and reads no more while its answer is not taken.
  mirror(request, response) {
    response.writeHead(200, { 'Transfer-Encoding': 'chunked' });
    request.pipe(response);
  },

  status(request, response, status) {
    afterBody(request, () => {
      response.writeHead(Number(status), Number(status) === 304 ? { ETag: '"unchanged"' } : {});
      response.end();
    });
  },

  headers(request, response) {
    const peer = request.socket.getPeerCertificate ? request.socket.getPeerCertificate() : {};
    json(response, {
      method: request.method,
      target: request.url,
      headers: request.rawHeaders,
      servername: request.socket.servername || null,
      clientCertificate: peer.subjectaltname || null,
    });
  },

  'early-hints'(request, response) {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    response.writeProcessing();
    json(response, { after: 'hints' });
  },

  close(request, response) {
    response.writeHead(200, { Connection: 'close', 'Content-Length': 3 });
    response.end('bye');
  },

  // Promises to keep the connection, then ends it all the same.
  'hang-up'(request, response) {
    response.writeHead(200, { 'Content-Length': 3 });
    response.end('bye', () => request.socket.end());
  },

  reset(request, response) {
    response.writeHead(200, { 'Content-Length': 3 });
    response.end('bye', () => abort(request.socket));
  },

  silent() {},

  stall(request, response) {
    response.writeHead(200, { 'Content-Length': 1000 });
    response.write('a beginning');
  },

  truncated(request, response) {
    response.writeHead(200, { 'Content-Length': 1000 });
    response.write('a beginning', () => request.socket.end());
  },

  'truncated-chunked'(request, response) {
    response.writeHead(200, { 'Transfer-Encoding': 'chunked' });
    response.write('a beginning', () => request.socket.end());
  },

  'hang-up-unanswered'(request) {
    request.socket.end();
  },

  // Answers before the body has arrived, then reads it to its end, as a polite server does.
  'reject-and-drain'(request) {
    raw(request.socket, '413 Content Too Large', REJECTION, 'Connection: close\r\n');
    request.resume();
    request.on('end', () => request.socket.end());
  },

  // Answers before the body has arrived, then resets: what was sent before the reset must not be lost.
  'reject-and-reset'(request) {
    const { socket } = request;
    request.pause();
    raw(socket, '413 Content Too Large', REJECTION, 'Connection: close\r\n');
    setImmediate(() => abort(socket));
  },

  // Answers before the body has arrived, and never reads another byte.
  'reject-and-ignore'(request) {
    request.pause();
    raw(request.socket, '413 Content Too Large', REJECTION, 'Connection: close\r\n');
  },

  // Reads no byte of the body and never answers.
  deaf(request) {
    request.pause();
    request.socket.pause();
  },

  slow(request, response, milliseconds) {
    setTimeout(() => json(response, { slept: Number(milliseconds) }), Number(milliseconds));
  },

  // Answers nobody before `size` requests are here at the same time.
  barrier(request, response, size, name) {
    const held = waiting.get(name) || [];
    held.push(response);
    waiting.set(name, held);
    if (held.length < Number(size)) return;
    waiting.delete(name);
    for (const one of held) json(one, { together: held.length });
  },

  counts(request, response) {
    json(response, counts);
  },
};

// Counts a connection as open until this side has ended it, whether or not the other side has.
function track(listener) {
  let open = true;
  counts[listener].open += 1;
  const ended = () => {
    if (open) counts[listener].open -= 1;
    open = false;
  };
  return (one) => one.on('finish', ended).on('close', ended);
}

function dispatch(listener, request, response) {
  counts[listener].requests += 1;
  response.setHeader('X-Connection-Id', `${listener}-${request.socket.number}`);
  const [, name, ...parameters] = request.url.split('?')[0].split('/');
  const route = routes[name];
  if (route === undefined) {
    response.writeHead(404, { 'Content-Length': 0 });
    response.end();
    return;
  }
  route(request, response, ...parameters);
}

// RFC 6455, as much of it as an echo of short text messages needs.  The greeting leaves in the same write as the 101.
function upgrade(listener, request, socket, head) {
  counts[listener].requests += 1;
  const accept = crypto
    .createHash('sha1')
    .update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
    .digest('base64');
  const frame = (opcode, payload) => Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
  socket.write(
    Buffer.concat([
      Buffer.from(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
      ),
      frame(1, Buffer.from('welcome')),
    ]),
  );
  let received = head;
  const consume = () => {
    while (received.length >= 2) {
      const length = received[1] & 0x7f; // short and masked: 2 + 4 + length bytes
      if (received.length < 6 + length) return;
      const opcode = received[0] & 0x0f;
      const mask = received.subarray(2, 6);
      const payload = Buffer.from(received.subarray(6, 6 + length)).map((byte, index) => byte ^ mask[index % 4]);
      received = received.subarray(6 + length);
      socket.write(frame(opcode, payload));
      if (opcode === 8) socket.end();
    }
  };
  socket.on('data', (part) => {
    received = Buffer.concat([received, part]);
    consume();
  });
  socket.on('error', () => {});
  consume();
}

function listen(name, options) {
  counts[name] = { connections: 0, secured: 0, requests: 0, open: 0, tlsErrors: 0 };
  const settings = { keepAliveTimeout: 60000, requestTimeout: 0, headersTimeout: 0 };
  let server;
  if (options.cert) {
    settings.cert = fs.readFileSync(options.cert);
    settings.key = fs.readFileSync(options.key);
    if (options.clientCa) {
      settings.ca = fs.readFileSync(options.clientCa);
      settings.requestCert = true;
      settings.rejectUnauthorized = true;
    }
    server = https.createServer(settings);
    server.on('secureConnection', (socket) => {
      counts[name].secured += 1;
      socket.number = counts[name].secured;
      socket._parent.watch(socket);
    });
    server.on('tlsClientError', () => {
      counts[name].tlsErrors += 1;
    });
  } else {
    server = http.createServer(settings);
  }
  server.on('connection', (socket) => {
    counts[name].connections += 1;
    socket.number = counts[name].connections;
    socket.watch = track(name);
    socket.watch(socket);
  });
  server.on('request', (request, response) => dispatch(name, request, response));
  server.on('upgrade', (request, socket, head) => upgrade(name, request, socket, head));
  // No polite 400 to a client that went away: the tests cut connections on purpose.
  server.on('clientError', (error, socket) => socket.destroy());
  if (options.path) server.listen(options.path);
  else server.listen(options.port, options.host);
}

for (const [name, options] of Object.entries(configuration.listeners)) listen(name, options);
