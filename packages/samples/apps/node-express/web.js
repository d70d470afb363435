const { createServer } = require('node:http');
const ms = require('ms');

const began = Date.now();

createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end(`up for ${ms(Date.now() - began, { long: true })}\n`);
}).listen(Number(process.env.PORT), () => console.log(`listening on port ${process.env.PORT}`));
