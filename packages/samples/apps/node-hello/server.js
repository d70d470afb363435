const { createServer } = require('node:http');

const started = new Date().toISOString();
const app = JSON.parse(process.env.VCAP_APPLICATION ?? '{}');

createServer((request, response) => {
  const path = new URL(request.url, 'http://host').pathname;
  console.log(`${request.method} ${path}`);
  response.setHeader('content-type', 'application/json');
  if (path === '/env') response.end(JSON.stringify(process.env));
  else if (path === '/exit') response.end('{"exiting":true}', () => process.exit(3));
  else if (path === '/echo') request.pipe(response);
  else {
    response.end(
      JSON.stringify({
        hello: 'world',
        instance_id: app.instance_id ?? null,
        instance_index: app.instance_index ?? null,
        started,
      }),
    );
  }
}).listen(Number(process.env.PORT), () => console.log(`listening on port ${process.env.PORT}`));
