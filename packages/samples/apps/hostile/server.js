// Does one bad thing each time it is asked to, at /<deed>, and tells what came of it: as its answer and in its log. What
// the deeds without an end came to shows in the log alone.
const { createServer } = require('node:http');
const { limits } = require('./deeds/limits.js');
const { lingering } = require('./deeds/lingering.js');
const { prying } = require('./deeds/prying.js');
const { reaching } = require('./deeds/reaching.js');
const { tricks } = require('./deeds/tricks.js');

const deeds = { ...limits, ...lingering, ...prying, ...reaching, ...tricks };

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://host');
  const name = pathname.slice(1);
  if (name === '') return response.end('ready for anything\n');
  if (!Object.hasOwn(deeds, name)) return response.writeHead(404).end(`deeds: ${Object.keys(deeds)}\n`);
  console.log(`${name}: begins`);
  try {
    const outcome = await deeds[name](searchParams.getAll('target'));
    for (const [what, result] of Object.entries(outcome)) console.log(`${name}: ${what}: ${result}`);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(outcome));
  } catch (error) {
    console.error(`${name}: failed: ${error.stack}`);
    response.writeHead(500).end(String(error));
  }
}).listen(Number(process.env.PORT), () => console.log(`listening on port ${process.env.PORT}`));
