const { createServer } = require('node:http');
const { WebSocket, WebSocketServer } = require('ws');

const server = createServer((request, response) => {
  if (request.url !== '/events') {
    response.setHeader('content-type', 'text/plain');
    response.end(`${sockets.clients.size} in the room\n`);
    return;
  }
  // Server-sent events: one message per second until the client leaves.
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  let count = 0;
  const timer = setInterval(() => response.write(`data: ${(count += 1)}\n\n`), 1000);
  response.write('data: 0\n\n');
  response.on('close', () => clearInterval(timer));
});

const sockets = new WebSocketServer({ server, path: '/chat' });
sockets.on('connection', (socket) => {
  socket.send('welcome');
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, isBinary) => {
    for (const client of sockets.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
    }
  });
});

server.listen(Number(process.env.PORT), () => console.log(`listening on port ${process.env.PORT}`));
process.once('SIGTERM', () => {
  for (const client of sockets.clients) client.close(1001, 'going away');
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
