import type { Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { flood } from './raw-server.js';

/** A server that wants to cost its client time or memory. */
export interface CostCase {
  readonly name: string;
  /** What asks it: a request of this library's own, or the MCP traffic. */
  readonly way: 'oauth' | 'mcp';
  readonly answer: (socket: Socket) => void;
  /** The status or the code of the error that it ends with. */
  readonly outcome: string;
}

/** How long a request may take in these cases, in ms. */
export const TIME_LIMIT_MS = 1_500;

const MIB = 1_048_576;
const BOMB = Buffer.alloc(64 * MIB);
const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

function bomb(encodings: string, compress: (bytes: Buffer) => Buffer): (socket: Socket) => void {
  const packed = compress(BOMB);
  return (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: ${encodings}\r\ncontent-length: ${packed.length}\r\n\r\n`);
    socket.write(packed);
  };
}

function layers(number: number): (bytes: Buffer) => Buffer {
  return (bytes) => Array.from({ length: number }).reduce<Buffer>((packed) => gzipSync(packed), bytes);
}

const names = (number: number) => Array.from({ length: number }, () => 'gzip').join(', ');

function endless(head: string, chunk: string | Buffer): (socket: Socket) => void {
  return (socket) => {
    socket.write(head);
    flood(socket, chunk);
  };
}

function drip(head: string, drop: string): (socket: Socket) => void {
  return (socket) => {
    socket.write(head);
    const timer = setInterval(() => socket.write(drop), 50);
    socket.on('close', () => clearInterval(timer));
  };
}

const unauthorized = 'HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer error="invalid_token"\r\n';

export const COST_CASES: readonly CostCase[] = [
  { name: 'no answer', way: 'oauth', answer: () => undefined, outcome: 'timeout' },
  {
    name: 'a header line a little at a time',
    way: 'oauth',
    answer: drip('HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'),
    outcome: 'timeout',
  },
  { name: 'a body a byte at a time', way: 'oauth', answer: drip('HTTP/1.1 200 OK\r\n\r\n', ' '), outcome: 'timeout' },
  {
    name: 'a body that never comes',
    way: 'oauth',
    answer: (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'),
    outcome: 'timeout',
  },
  {
    name: 'an endless header line',
    way: 'oauth',
    answer: endless('HTTP/1.1 200 OK\r\nx-a: ', Buffer.alloc(65_536, 'b')),
    outcome: 'response_too_large',
  },
  {
    name: 'header lines without end',
    way: 'oauth',
    answer: endless('HTTP/1.1 200 OK\r\n', 'a:\r\n'.repeat(1_000)),
    outcome: 'response_too_large',
  },
  {
    name: '100 without end',
    way: 'oauth',
    answer: endless('', 'HTTP/1.1 100 Continue\r\n\r\n'),
    outcome: 'network_error',
  },
  {
    name: '103 without end',
    way: 'oauth',
    answer: endless('', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(100)),
    outcome: 'timeout',
  },
  {
    name: 'trailers without end',
    way: 'oauth',
    answer: endless(`${chunked}1\r\n{\r\n0\r\n`, `x-a: ${'b'.repeat(1_000)}\r\n`),
    outcome: 'response_too_large',
  },
  {
    name: 'a body without end',
    way: 'oauth',
    answer: endless('HTTP/1.1 200 OK\r\n\r\n', Buffer.alloc(65_536)),
    outcome: 'response_too_large',
  },
  {
    name: 'a body without end in chunks of one byte',
    way: 'oauth',
    answer: endless(chunked, '1\r\n{\r\n'.repeat(1_000)),
    outcome: 'response_too_large',
  },
  {
    name: 'a chunk extension without end',
    way: 'oauth',
    answer: endless(`${chunked}1;a=`, Buffer.alloc(65_536, 'b')),
    outcome: 'timeout',
  },
  { name: 'a gzip bomb of 64 MiB', way: 'oauth', answer: bomb('gzip', gzipSync), outcome: 'response_too_large' },
  {
    name: 'a deflate bomb of 64 MiB',
    way: 'oauth',
    answer: bomb('deflate', deflateSync),
    outcome: 'response_too_large',
  },
  { name: 'a br bomb of 64 MiB', way: 'oauth', answer: bomb('br', brotliCompressSync), outcome: 'response_too_large' },
  {
    name: 'a bomb in 5 layers of gzip',
    way: 'oauth',
    answer: bomb(names(5), layers(5)),
    outcome: 'response_too_large',
  },
  { name: 'a body in 6 layers of gzip', way: 'oauth', answer: bomb(names(6), layers(6)), outcome: 'network_error' },
  { name: 'a body in 500 layers', way: 'oauth', answer: bomb(names(500), gzipSync), outcome: 'network_error' },
  {
    name: 'a 401 whose body never ends in size',
    way: 'mcp',
    answer: endless(`${unauthorized}\r\n`, Buffer.alloc(65_536)),
    outcome: 'interaction_required',
  },
  {
    name: 'a 401 whose body never comes',
    way: 'mcp',
    answer: (socket) => socket.write(`${unauthorized}content-length: 9\r\n\r\n`),
    outcome: 'interaction_required',
  },
  {
    name: 'a 401 whose body comes a byte at a time',
    way: 'mcp',
    answer: drip(`${unauthorized}\r\n`, ' '),
    outcome: 'interaction_required',
  },
  {
    name: 'a 401 whose body is a gzip bomb',
    way: 'mcp',
    answer: (socket) => {
      const packed = gzipSync(BOMB);
      socket.write(`${unauthorized}content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`);
      socket.write(packed);
    },
    outcome: 'interaction_required',
  },
  {
    name: 'a 401 that is an event stream without end',
    way: 'mcp',
    answer: endless(`${unauthorized}content-type: text/event-stream\r\n\r\n`, 'data: x\n\n'.repeat(1_000)),
    outcome: 'interaction_required',
  },
  {
    name: 'a challenge without end',
    way: 'mcp',
    answer: endless('HTTP/1.1 401 Unauthorized\r\n', 'www-authenticate: Bearer scope="a b c"\r\n'),
    outcome: 'response_too_large',
  },
];
