const { createServer } = require('node:http');

process.on('SIGTERM', () => console.log('SIGTERM ignored'));
createServer((_request, response) => {
  response.end('still here\n');
}).listen(Number(process.env.PORT), () => console.log(`listening on port ${process.env.PORT}`));
